"""Where the records come from."""

from typing import Literal

from tasks.params.reading import Section


class CohortParams(Section):
    """The cohort that stage `simulate` makes, or a folder in PTB-XL's layout that the link `cohort` leads to."""

    source: Literal["simulated", "ptbxl", "simulated_folder"]

    @property
    def simulated(self) -> bool:
        """Whether the records are nobody's, which every figure and page must say."""
        return self.source != "ptbxl"
