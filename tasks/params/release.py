"""Parameters of a release; no stage reads them."""

from tasks.params.reading import Section


class ReleaseParams(Section):
    """What leaves the workspace with a release."""

    waveforms: bool
    """Whether recordings of patients do: those of prototypes and donors. Otherwise their ids and digests do."""
