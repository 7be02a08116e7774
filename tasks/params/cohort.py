"""Where the records come from."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.reading import Section


class CohortParams(Section):
    """The cohort that stage `simulate` makes, or a folder in PTB-XL's layout that the link `cohort` leads to."""

    source: Literal["simulated", "ptbxl", "simulated_folder"]

    batches: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]]
    """Folders below batches/ with records that came later, in the order in which they came."""

    @property
    def simulated(self) -> bool:
        """Whether the records are nobody's, which every figure and page must say."""
        return self.source != "ptbxl"
