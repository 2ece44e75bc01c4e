"""This package repeats the effect of the published lip-sync pipelines' codecs on pictures, sound and times, without
ffmpeg.
"""
