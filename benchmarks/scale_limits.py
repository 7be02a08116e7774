"""What docs/scale.md says of the limits that the figures show."""

LIMITS = """TODO"""
