"""Every record in every epoch: ordinary training."""

from models.selection.strategy import Strategy


class Full(Strategy):
    """Every record in every epoch."""
