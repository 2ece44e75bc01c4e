"""How a corpus is prepared: cropped, brought to 25 fps and 16 kHz, its features computed; resumable."""
