"""Where the waves of the training records are."""

from tasks.params.reading import Section


class DelineateParams(Section):
    """Delineation takes a quarter of an hour, so it runs only where it is used."""

    always: bool
    """True: also where no arm's selection needs it, for `veribeat compare`."""
