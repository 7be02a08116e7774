"""Releases: a trained model with what it was made from and how it was judged, in a folder that never changes."""
