"""How long attributions take to a given Monte-Carlo error: ours, shap's GradientExplainer, captum's GradientShap.

All three average the same quantity over the same background records, and are compared with many draws of ours.
WORKSPACE has run the stage `donors`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from captum.attr import GradientShap
from numpy.typing import NDArray

from benchmarks.attribution_agreement import REPLICATES, relative_rms
from benchmarks.compiled import compile_beforehand
from benchmarks.gradient_floor import Product, gradient_multiply_adds
from benchmarks.subject import Subject, options, show
from benchmarks.tables import Grid, significant
from benchmarks.timing import seconds
from models.compiled.network import with_compiled_parts
from veribeat.attribution.base import Background, batch_size, make_background
from veribeat.attribution.draws import Sampling, make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.attribution.shap_reference import shap_gradients
from veribeat.conventions import SUPERCLASSES

OURS = "veribeat, stratified draws"
SAME_DRAWS = "veribeat, random draws"


@dataclass(frozen=True)
class Task:
    """One logit of one record (1000, 12), and what it is compared with."""

    model: torch.nn.Module
    signal_mv: NDArray[np.float32]
    superclass: int
    background: Background


Method = Callable[[Task, int, int], NDArray[np.float32]]
"""Attributions (1000, 12) of a task by so many draws from a seed."""


def ours(sampling: Sampling, task: Task, count: int, seed: int) -> NDArray[np.float32]:
    """Ours, with the network that the stage `attribute` asks (`models.attribution`)."""
    draws = make_draws(count, REPLICATES, len(task.background.logits), sampling, (seed,))
    found = expected_gradients(
        with_compiled_parts(task.model),
        task.signal_mv,
        task.background,
        [task.superclass],
        draws,
        batch_size(count),
    )
    values: NDArray[np.float32] = found.values[0]
    return values


def by_shap(task: Task, count: int, seed: int) -> NDArray[np.float32]:
    """shap, which draws at random."""
    draws = make_draws(count, REPLICATES, len(task.background.logits), "random", (seed,))
    found = shap_gradients(
        task.model, task.signal_mv, task.background, [task.superclass], draws, batch_size(count)
    )
    values: NDArray[np.float32] = found.values[0]
    return values


def by_captum(task: Task, count: int, seed: int) -> NDArray[np.float32]:
    """captum, which draws at random; all draws of a call are one batch, so that many take several calls."""
    np.random.seed(seed)  # noqa: NPY002 - captum draws from the global generator
    torch.manual_seed(seed)
    batch = batch_size(count)
    signal = torch.from_numpy(task.signal_mv)[None]
    others = torch.from_numpy(task.background.signals_mv)
    explainer = GradientShap(task.model)
    total = torch.zeros(signal.shape[1:])
    for _ in range(count // batch):
        found = explainer.attribute(
            signal, baselines=others, n_samples=batch, stdevs=0.0, target=task.superclass
        )
        total += found[0].detach()
    return (total / (count // batch)).numpy()


METHODS: dict[str, Method] = {
    OURS: partial(ours, "stratified"),
    SAME_DRAWS: partial(ours, "random"),
    "shap, GradientExplainer": by_shap,
    "captum, GradientShap": by_captum,
}


@dataclass(frozen=True)
class Size:
    """How many records, the numbers of draws that are tried, and those of the reference."""

    records: int
    counts: tuple[int, ...]
    reference: int


FULL, QUICK = Size(8, (50, 100, 200, 400), 10_000), Size(1, (20, 40), 400)
DEFAULT_DRAWS = 200
"""Of the stage `attribute`: its error is the one that all are to reach."""


@dataclass(frozen=True)
class Curve:
    """Of one method, for each number of draws: mean seconds per record, and root mean square of relative errors."""

    name: str
    counts: tuple[int, ...]
    seconds: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def error_of_one(self) -> float:
        """c of error = c / sqrt(draws), by all numbers of draws alike."""
        return float(np.exp(np.mean(np.log(self.errors) + np.log(self.counts) / 2)))

    def seconds_to(self, error: float) -> float:
        """Time to an error: a straight line of time by draws, through what was measured."""
        slope, start = np.polyfit(self.counts, self.seconds, 1)
        return float(start + slope * (self.error_of_one / error) ** 2)


@dataclass(frozen=True)
class Floor:
    """What no method can beat that takes as many gradients."""

    multiply_adds: int
    """Of a draw."""
    seconds: float
    """Of as many in a matrix product."""


def measure(subject: Subject, size: Size) -> tuple[list[Curve], Floor]:
    """Run all methods on some records; they take turns, also with a matrix product."""
    model = subject.explained.classifier.backbone
    rows = subject.explained.rows("background")
    background = make_background(model, subject.explained.signals_mv(rows), 100)
    signals = subject.records("query", size.records)
    chosen = subject.explained.black_box.probabilities(signals).argmax(axis=1)
    times = np.zeros((len(METHODS), len(size.counts), size.records))
    errors = np.zeros_like(times)
    product, products = Product(), list[float]()
    for record, (signal, superclass) in enumerate(zip(signals, chosen, strict=True)):
        task = Task(model, signal, int(superclass), background)
        reference = ours("stratified", task, size.reference, seed=2)
        for method in METHODS.values() if record == 0 else ():
            method(task, size.counts[0], 0)  # warms up
        product()
        products += [seconds(product) for _ in range(5)]
        for place, count in enumerate(size.counts):
            for number, method in enumerate(METHODS.values()):
                found: list[NDArray[np.float32]] = []
                run = partial(_keep, found, method, task, count, 100 * record + 3)
                times[number, place, record] = seconds(run)
                errors[number, place, record] = relative_rms(found[0], reference)
    multiply_adds = gradient_multiply_adds(model, torch.from_numpy(signals[0]))
    floor = Floor(multiply_adds, multiply_adds / Product.multiply_adds * float(np.median(products)))
    return [
        Curve(
            name,
            size.counts,
            tuple(times[number].mean(axis=1).tolist()),
            tuple(np.sqrt(np.square(errors[number]).mean(axis=1)).tolist()),
        )
        for number, name in enumerate(METHODS)
    ], floor


def _keep(found: list[NDArray[np.float32]], method: Method, task: Task, count: int, seed: int) -> None:
    found.append(method(task, count, seed))


def grid(curves: Sequence[Curve], floor: Floor, size: Size, threads: int) -> Grid:
    """A row per method, and one of the floor."""
    target = curves[0].error_of_one / np.sqrt(DEFAULT_DRAWS)
    fastest = curves[0].seconds_to(target)
    columns = ["method"]
    for count in size.counts:
        columns += [f"s, {count} draws", f"error, {count} draws"]
    columns += ["draws to the same error", "s to the same error", "times ours"]
    rows = []
    for curve in curves:
        cells = [curve.name]
        for taken, error in zip(curve.seconds, curve.errors, strict=True):
            cells += [significant(taken), significant(error)]
        taken = curve.seconds_to(target)
        draws = (curve.error_of_one / target) ** 2
        rows.append((*cells, f"{draws:.0f}", significant(taken), significant(taken / fastest)))
    cells = ["floor: the multiply-adds of as many gradients"]
    for count in size.counts:
        cells += [significant(count * floor.seconds), ""]
    taken = DEFAULT_DRAWS * floor.seconds
    rows.append((*cells, str(DEFAULT_DRAWS), significant(taken), significant(taken / fastest)))
    note = (
        f"Means of {size.records} record{'s' * (size.records > 1)} of the query fold, the logit of the most probable of"
        f" {len(SUPERCLASSES)} superclasses, {threads} thread{'s' * (threads > 1)}. The error is the root mean square"
        f" of the difference to {size.reference:,} stratified draws of ours from another seed, over that of the"
        f" reference. The same error is that of {DEFAULT_DRAWS} stratified draws ({significant(target)}); errors are"
        " taken to fall with the root of the draws, and times to be a straight line. All average over the same"
        " background records, in the same batches. The floor is what a gradient takes if its"
        f" {floor.multiply_adds / 1e6:.1f} million multiply-adds are as fast as those of a large matrix product"
        f" ({1e-9 / floor.seconds * floor.multiply_adds:.0f} thousand million a second), and nothing else takes time."
    )
    return Grid("Time to an error", tuple(columns), tuple(rows), note)


def run(workspace: Path, quick: bool) -> tuple[list[Curve], Grid]:
    """Measure, and the table of it."""
    size = QUICK if quick else FULL
    compile_beforehand(workspace)
    subject = Subject.load(workspace)
    curves, floor = measure(subject, size)
    return curves, grid(curves, floor, size, subject.explained.sources.threads)


def main() -> None:
    """Measure and print a table."""
    asked = options(__doc__)
    show([run(asked.workspace, asked.quick)[1]])


if __name__ == "__main__":
    main()
