"""What the explanation chain of a workspace found, as a section of a page."""

from dataclasses import dataclass

from flows.report.explanation_pictures import (
    attribution_pictures,
    prototype_pictures,
    query_pictures,
    step_pictures,
    worst_pictures,
)
from flows.report.explanation_tables import (
    attribution_tables,
    initial_tables,
    prototype_tables,
    rule_tables,
    summary_tables,
    target_tables,
)
from flows.report.figures import Picture
from flows.report.result_table import ResultTable
from flows.workspace import Workspace
from tasks.params.document import Params


@dataclass(frozen=True)
class Part:
    """What stands under one heading; `folded` are parts that a reader opens."""

    title: str
    tables: tuple[ResultTable, ...] = ()
    pictures: tuple[Picture, ...] = ()
    sentences: tuple[str, ...] = ()
    folded: tuple["Part", ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show, because stages have not run."""
        return not (self.tables or self.pictures or self.sentences or self.folded)


def explanation_parts(place: Workspace, params: Params) -> tuple[Part, ...]:
    """What the stages of the chain have made so far, in their order; nothing where no arm is explained."""
    if params.explain.arm is None:
        return ()
    return _filled(
        Part("Attributions", attribution_tables(place), attribution_pictures(place)),
        Part("Rules", rule_tables(place)),
        Part("Prototypes", prototype_tables(place, params), prototype_pictures(place)),
        Part(
            "Counterfactuals",
            (*summary_tables(place), *target_tables(place)),
            folded=_filled(
                Part(
                    f"By the superclass of the query{_of_paper(params, 7, 11)}",
                    initial_tables(place, "tables_7_11.csv"),
                ),
                Part(
                    f"Queries with several superclasses{_of_paper(params, 12, 13)}",
                    initial_tables(place, "tables_12_13.csv"),
                ),
                Part("The worst of them", pictures=worst_pictures(place)),
            ),
        ),
        Part("Discussion", sentences=_discussion(place)),
        Part(
            "One query, explained",
            pictures=query_pictures(place),
            folded=_filled(Part("The steps in between", pictures=step_pictures(place))),
        ),
    )


def _filled(*parts: Part) -> tuple[Part, ...]:
    return tuple(part for part in parts if not part.empty)


def _of_paper(params: Params, first: int, last: int) -> str:
    """Which tables of [CF] are beside ours."""
    return "" if params.cohort.simulated else f" ([CF] Tables {first}-{last})"


def _discussion(place: Workspace) -> tuple[str, ...]:
    """What the stage `report` says of the numbers."""
    file = place.path / "out" / "report" / "discussion.md"
    if not file.is_file():
        return ()
    return tuple(line.removeprefix("- ") for line in file.read_text(encoding="utf-8").splitlines())
