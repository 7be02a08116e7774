"""The method that is taken where none is asked for; by itself, because naming it should not load how it works."""

DEFAULT_METHOD = "wave_sparse"
