"""Parameters of the stage `ingest`."""

from pydantic import Field

from tasks.params.reading import Section


class IngestParams(Section):
    """What `ingest` accepts as a usable record, and how many unusable ones it puts up with."""

    max_quarantined: float = Field(ge=0, le=1)
    """Largest share of rows that may be quarantined before the stage stops."""

    amplitude_limit_mv: float = Field(gt=0, le=32.767)  # what int16 at 1000 units/mV can hold
    """A record with a sample beyond +- this many mV is quarantined."""

    reject_flat_leads: bool = True
    """Quarantine a record with a lead that is constant throughout."""
