"""The parts of `accuracy.py`: what is judged, by whom, and how it is counted and shown."""
