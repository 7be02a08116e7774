"""With what the arms of a workspace were trained, and how their trainings went, as tables."""

from flows.report.outputs import read_json
from flows.report.result_table import ResultTable
from flows.report.texts import number
from flows.tracking.content import flatten
from flows.workspace import Workspace
from tasks.params.document import Params


def training_table(place: Workspace, params: Params) -> ResultTable | None:
    """How each trained arm's training went; None before the first is trained."""
    rows = []
    for arm in sorted(params.arms):
        if training := read_json(place, f"train-{arm}", "training.json"):
            own = params.arms[arm]
            counts = ("parameters", "train_records", "validation_records", "epochs", "best_epoch")
            loss = number(training["validation_loss"])
            cost = (number(training[key], 1) for key in ("effective_epochs", "forward_equivalents"))
            names = (arm, own.backbone, own.selection)
            rows.append((*names, *(f"{training[key]}" for key in counts), loss, *cost))
    if not rows:
        return None
    columns = ("arm", "backbone", "selection", "weights", "training records", "validation records", "epochs")
    kept = ("kept epoch", "its validation loss", "effective epochs", "forward-equivalents")
    note = (
        "Epochs count from 0. Effective epochs are the records that were trained on over those there are;"
        " forward-equivalents the passes through the network per training record, a backward pass counted as two."
    )
    return ResultTable("Trainings", (*columns, *kept), tuple(rows), note)


def parameter_tables(params: Params) -> tuple[ResultTable, ...]:
    """params.yaml: the arms with the presets that they name, the roles of the folds, and the rest key by key."""
    recipes = {
        name: {
            **arm.model_dump(),
            **params.presets[arm.preset].model_dump(),
            **params.selections[arm.selection].root.model_dump(),
        }
        for name, arm in sorted(params.arms.items())
    }
    keys = dict.fromkeys(key for recipe in recipes.values() for key in recipe)
    elsewhere = {"arms", "presets", "selections", "split"}
    if params.cohort.source != "simulated":
        elsewhere.add("simulate")  # says nothing about this cohort
    rest = flatten(params.model_dump(exclude=elsewhere))
    return (
        ResultTable(
            "Arms and their presets",
            ("parameter", *recipes),
            tuple((key, *(_value(recipe.get(key)) for recipe in recipes.values())) for key in keys),
        ),
        ResultTable(
            "Roles of the folds",
            ("split", "value"),
            tuple((key, _value(value)) for key, value in params.split.model_dump().items()),
        ),
        ResultTable(
            "The other parameters",
            ("parameter", "value"),
            tuple((key.replace("/", "."), _value(value)) for key, value in rest.items()),
        ),
    )


def _value(value: object) -> str:
    """As params.yaml writes it, but for lists without brackets."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
