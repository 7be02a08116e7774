"""What the Lightning loop costs over a bare PyTorch loop of the same batches, validation included.

Random signals of real size; the two loops take turns, and the ratio of each pair counts, so that a machine that is
busy with other work slows both. Both end in the same weights, to the last bit, which is checked.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import StringIO

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.tables import Grid
from benchmarks.timing import seconds
from models.backbones.registry import build_backbone
from models.batches import StoredSignals, batch_loader
from models.runtime import make_deterministic
from models.training import VALIDATION_BATCH, Recipe, fit
from veribeat.conventions import LEADS, RECORD_SAMPLES, SUPERCLASSES

EPOCHS = 2
CASES = {
    "cnn_gru_flow, batch 128": ("cnn_gru_flow", Recipe(EPOCHS, None, 1e-4, 128, 1.0, seed=1), None),
    "cnn_gru_flow, batch 256, bfloat16, crops of 6 s": (
        "cnn_gru_flow",
        Recipe(EPOCHS, None, 1e-3, 256, 1.0, seed=1, precision="bfloat16"),
        600,
    ),
    "resnet1d, batch 128, bfloat16, crops of 2.5 s": (
        "resnet1d",
        Recipe(EPOCHS, None, 1e-3, 128, 1.0, seed=1, precision="bfloat16"),
        250,
    ),
}


def cohort(records: int, crop_samples: int | None, seed: int) -> StoredSignals:
    """Random records with random labels."""
    random = np.random.default_rng(seed)
    signals = random.normal(0, 230, (records, RECORD_SAMPLES, len(LEADS))).astype(np.int16)
    return StoredSignals(
        signals, np.arange(records), random.random((records, len(SUPERCLASSES))) < 0.3, crop_samples
    )


def bare_loop(network: nn.Module, train: StoredSignals, validation: StoredSignals, recipe: Recipe) -> None:
    """The same training without Lightning, epoch records or progress."""
    batches = batch_loader(train, recipe.batch_size, seed=recipe.seed)
    # In the order in which the module gives them to Lightning: the sum of a gradient norm rounds by it.
    parameters = sorted(network.parameters(), key=lambda parameter: parameter.ndim <= 1)
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=0.0)
    for epoch in range(recipe.max_epochs):
        batches.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
        network.train()
        for step, batch in enumerate(batches):
            if step == 0:
                torch.manual_seed((recipe.seed << 31) + epoch)
            optimizer.zero_grad()
            # Without the cache of casts, as in Lightning: with it the GRU's gradients round another way.
            with torch.autocast(
                "cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16", cache_enabled=False
            ):
                loss = binary_cross_entropy_with_logits(network(batch["signals"]).float(), batch["targets"])
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip_norm)
            optimizer.step()
        network.eval()
        with torch.inference_mode():
            for batch in batch_loader(validation, VALIDATION_BATCH, seed=None):
                binary_cross_entropy_with_logits(network(batch["signals"]), batch["targets"]).item()


def quietly(run: Callable[[], object]) -> float:
    """Wall time of one call, its output swallowed."""
    with redirect_stderr(StringIO()):
        return seconds(run)


def time_case(name: str, records: int, rounds: int) -> list[tuple[float, float]]:
    """Seconds of the bare loop and with Lightning, for each round after one that warms up."""
    backbone, recipe, crop = CASES[name]
    train, validation = cohort(records, crop, seed=0), cohort(records // 7, None, seed=1)
    times: list[tuple[float, float]] = []
    for _ in range(rounds + 1):
        networks = []
        for _ in range(2):
            torch.manual_seed(recipe.seed)
            networks.append(build_backbone(backbone))
        bare, lightning = networks
        times.append(
            (
                quietly(lambda: bare_loop(bare, train, validation, recipe)),  # noqa: B023 - called at once
                quietly(lambda: fit(lightning, train, validation, recipe)),  # noqa: B023
            )
        )
        check_equal(bare.state_dict(), lightning.state_dict())
    return times[1:]


def grid(cases: Sequence[str], records: int, rounds: int, threads: int) -> Grid:
    """Time some of CASES: a row each."""
    make_deterministic(threads)
    rows = []
    for name in cases:
        bare, lightning = np.array(time_case(name, records, rounds)).T
        ratios = lightning / bare
        epochs = (f"{statistics.median(column) / EPOCHS:.2f}" for column in (bare, lightning))
        summary = (statistics.median(ratios), ratios.min(), ratios.max())
        rows.append((name, *epochs, *(f"{value:.3f}" for value in summary)))
    columns = (
        "training",
        "bare loop, s per epoch",
        "Lightning, s per epoch",
        "ratio, median",
        "lowest",
        "highest",
    )
    note = (
        f"{records:,} random records, validation of {records // 7:,} others included, {threads}"
        f" thread{'s' * (threads > 1)}, {rounds} round{'s' * (rounds > 1)} of {EPOCHS} epochs in which the loops take"
        " turns. Both end in the same weights, to the last bit."
    )
    return Grid("A training epoch", columns, tuple(rows), note)


def main() -> None:
    """Time every case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    grid(tuple(CASES), options.records, options.rounds, options.threads).show(Console())


def check_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """Stop unless the two trainings ended in the same weights: only then they did the same work."""
    different = [name for name, value in first.items() if not torch.equal(value, second[name])]
    if different:
        raise SystemExit(f"the loops disagree on {', '.join(different)}")


if __name__ == "__main__":
    main()
