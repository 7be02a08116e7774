"""One cell of a comparison."""

from pydantic import ConfigDict

from tasks.params.compare import ContaminationParams
from tasks.params.reading import Section
from tasks.params.selection import SelectionParams
from tasks.params.train import PresetParams


class Cell(Section):
    """An arm with all of its settings, a seed, and where the results go."""

    model_config = ConfigDict(strict=False)  # it comes from JSON

    arm: str
    backbone: str
    preset: PresetParams
    selection: SelectionParams
    seed: int
    contamination: ContaminationParams | None = None
    """None: the training records as they are."""
    folds: dict[str, list[int]]
    """Of the roles train, validation and test, to be read by people; the rows come from stage `split`."""
    side_by_side: int = 1
    """Cells that were trained at a time, which lengthens the wall time of each."""
    key: str
    """Stands for code, data and settings."""
    out: str
    """Path of the results in the workspace, without its ending."""

    @property
    def module(self) -> str:
        """What runs it."""
        return "tasks.cell" if self.contamination is None else "tasks.contaminated_cell"
