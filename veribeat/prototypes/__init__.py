"""Prototypes: the real recordings that stand for their superclass, and how they are found."""
