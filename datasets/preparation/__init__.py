"""This package prepares a corpus: it is cropped, brought to 25 fps and 16 kHz, its features computed; resumable."""
