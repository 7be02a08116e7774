"""Parameters of the stage `prototypes`."""

from typing import Annotated, Literal

from pydantic import Field

from tasks.params.reading import Section


class PrototypesParams(Section):
    """How a superclass's typical records are found."""

    cluster_on: Literal["signal", "rules"] = "signal"
    """rules: signals are zero outside the features of their rule."""

    distance: Literal["euclidean", "squared"] = "euclidean"
    """euclidean: [CF] eq. 7; squared: the root of summed squares, as tslearn's cdist_dtw, much slower."""

    dimensions: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """Of the embedding, to choose from by silhouette."""

    clusters: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=1)]
    """Numbers of clusters to choose from by silhouette."""

    most_candidates: int | None = Field(ge=10)
    """Of each superclass, those that are predicted most clearly; None: all of them, as [CF] has it."""

    smallest_class: int = Field(ge=3)
    """Candidates; a class with fewer is one cluster."""

    smallest_cluster: float = Field(ge=0, lt=0.5)
    """Share of a class's candidates; divisions with a smaller cluster, such as one outlier, are not chosen."""

    seed: int = Field(ge=0, lt=2**32)  # what scikit-learn accepts
