"""Where the records come from."""

from typing import Literal

from tasks.params.reading import Section


class CohortParams(Section):
    """The simulated cohort, or the PTB-XL folder that the workspace's link `cohort` leads to."""

    source: Literal["simulated", "ptbxl"]
