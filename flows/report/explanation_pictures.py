"""The figures that the explanation chain drew, as pictures that a page holds itself."""

from flows.report.figures import Picture, stored_picture
from flows.workspace import Workspace

Texts = dict[str, tuple[str, str]]
"""Figure -> what stands for it, and the line below it."""

LEAD_IMPORTANCE: Texts = {
    "lead_importance": (
        "Bar chart of the mean share of each lead in the attributions, per predicted superclass.",
        "Where attributions are large, by lead and predicted superclass.",
    ),
}

CLUSTERING: Texts = {
    "silhouettes": (
        "Mean silhouette of each superclass over the number of clusters.",
        "Silhouettes by number of clusters: coloured for the dimensions that were chosen, grey for others. The ring is"
        " the choice ([CF] figure 4).",
    ),
    "clusters": (
        "Candidates of each superclass on the first two axes of the embedding, coloured by cluster.",
        "Clusters on the first two axes of the embedding; rings are around prototypes ([CF] figure 5).",
    ),
}

QUERY: Texts = {
    "query": (
        "The twelve leads of the query.",
        "The query, whose superclass is predicted correctly ([CF] figure 8).",
    ),
    "wave_sparse": (
        "The query and its counterfactual by waves over it.",
        "Wave sparse counterfactual, blue: the same waves are changed in every beat, and shaded.",
    ),
    "beat_sparse": (
        "The query and its counterfactual by segments over it.",
        "Beat sparse counterfactual, blue: shaded are the segments that were taken from a donor.",
    ),
    "aligned_sparse": (
        "The query and the aligned, then sparsified prototype over it.",
        "Aligned sparse counterfactual, blue, over the query: shaded is what was changed ([CF] figure 13).",
    ),
    "heat": (
        "The same over a map of attributions.",
        "The same, over what each 40 ms of a lead contribute to the target: orange speaks for it, purple against it"
        " ([CF] figure 14).",
    ),
}

STEPS: Texts = {
    "prototype": (
        "The twelve leads of the prototype.",
        "The nearest prototype of the target, as recorded ([CF] figure 9).",
    ),
    "original": (
        "The query and the prototype over it.",
        "Original counterfactual: the prototype, blue, over the query ([CF] figure 10).",
    ),
    "sparse": (
        "The query and the sparsified prototype over it.",
        "Sparse counterfactual, blue: shaded is what was taken from the prototype ([CF] figure 11).",
    ),
    "aligned": (
        "The query and the aligned prototype over it.",
        "The prototype, blue, its beats moved onto those of the query ([CF] figure 12).",
    ),
}


def attribution_pictures(place: Workspace) -> tuple[Picture, ...]:
    """The importance of leads; none before the stage `report` has run."""
    return _stored(place, "report", LEAD_IMPORTANCE)


def prototype_pictures(place: Workspace) -> tuple[Picture, ...]:
    """How prototypes were chosen; none before the stage `prototypes` has run."""
    return _stored(place, "prototypes", CLUSTERING)


WORST: Texts = {
    "worst": (
        "Median beats of queries and of their counterfactuals in twelve leads.",
        "The wave sparse counterfactuals that came out worst, at most ten, of queries with R-peaks, and what the search"
        " did: not valid ones first, then those without waves, then those with the smallest margin.",
    ),
}


def worst_pictures(place: Workspace) -> tuple[Picture, ...]:
    """The counterfactuals that came out worst."""
    return _stored(place, "report", WORST)


def query_pictures(place: Workspace) -> tuple[Picture, ...]:
    """One query and its counterfactuals."""
    return _stored(place, "report", QUERY)


def step_pictures(place: Workspace) -> tuple[Picture, ...]:
    """What lies between the query and its counterfactual by [CF]."""
    return _stored(place, "report", STEPS)


def _stored(place: Workspace, stage: str, texts: Texts) -> tuple[Picture, ...]:
    files = {name: place.path / "out" / stage / "figures" / f"{name}.png" for name in texts}
    return tuple(stored_picture(file, *texts[name]) for name, file in files.items() if file.is_file())
