"""Selection strategies: one module each, named in `models/selection/registry.py`."""
