"""Whether new records differ from those that a model has learnt from."""
