"""What the codecs of the published lip-sync pipelines do to pictures, sound and their times, without ffmpeg."""
