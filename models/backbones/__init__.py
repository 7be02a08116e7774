"""Backbones: one module each, named in `registry.py`."""
