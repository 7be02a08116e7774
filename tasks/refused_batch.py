"""The refusal of a batch of new records: as an exception, and as what `tasks.screen` exits with."""

from veribeat.errors import InputError

EXIT_BATCH_REFUSED = 3
"""Apart from `tasks.stage.EXIT_INPUT_ERROR`: what else is wrong must not put a good batch away."""


class BatchRefused(InputError):
    """A batch cannot be used, whatever the state of the workspace and of the environment."""
