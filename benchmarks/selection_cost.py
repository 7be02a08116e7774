"""What scoring adds to a training step, lever by lever, beside what a released ERTS script does.

Random signals of real size; the levers take turns, and each is set against a training step of the same round, so that
a machine that is busy with other work slows both. `share` of a batch are candidates.
"""

import argparse
import statistics
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.timing import seconds
from models.backbones.base import Backbone
from models.backbones.registry import build_backbone
from models.runtime import make_deterministic
from models.selection.cam import activation_map, feature_gradients, target_logit
from models.selection.cost import BACKWARD, share_above
from models.selection.focus import topk_mass
from veribeat.conventions import LEADS, SUPERCLASSES

CASES = {"cnn_gru_flow": (256, 600), "resnet1d": (128, 250)}
"""Records of a batch and samples of a crop, as in the presets `fast` and `crops`."""
TRAINING = 1 + BACKWARD
"""Forward-equivalents of a record that is trained on."""


class Levers:
    """The ways to score one batch; each returns nothing and is timed from outside."""

    def __init__(self, name: str, share: float) -> None:
        torch.manual_seed(0)
        random = np.random.default_rng(0)
        self.records, self.samples = CASES[name]
        self.backbone: Backbone = build_backbone(name)
        self.signals = torch.from_numpy(
            random.normal(0, 0.23, (self.records, self.samples, len(LEADS))).astype(np.float32)
        )
        self.targets = torch.from_numpy(random.random((self.records, len(SUPERCLASSES))) < 0.3).float()
        self.candidates = torch.zeros(self.records, dtype=torch.bool)
        self.candidates[: round(share * self.records)] = True
        self.optimizer = torch.optim.AdamW(self.backbone.parameters(), lr=1e-4)

    def train(self, harvest: bool = False) -> None:
        """A training step on the whole batch; with `harvest` it leaves a map of every record."""
        self.backbone.train()
        self.optimizer.zero_grad()
        with self._half():
            features = self.backbone.features(self.signals)
            if harvest:
                features.retain_grad()
            logits = self.backbone.classify(features).float()
            loss = binary_cross_entropy_with_logits(logits, self.targets)
        loss.backward()
        self.optimizer.step()
        if harvest:
            assert features.grad is not None
            topk_mass(activation_map(features.float(), -features.grad.float(), "hires_cam"))

    def score(self) -> tuple[Tensor, Tensor]:
        """A scoring forward of the whole batch that keeps the features."""
        self.backbone.eval()
        with torch.no_grad(), self._half():
            features = self.backbone.features(self.signals)
            return features, self.backbone.classify(features).float()

    def released(self) -> None:
        """Score; then for candidates forward and backward again, through the whole network."""
        self.score()
        signals = self.signals[self.candidates].requires_grad_()
        with self._half():
            features = self.backbone.features(signals)
            features.retain_grad()
            logits = self.backbone.classify(features).float()
        classes = target_logit(logits, self.targets[self.candidates])
        logits.gather(1, classes[:, None]).sum().backward()
        assert features.grad is not None
        topk_mass(activation_map(features.float(), features.grad.float(), "grad_cam"))

    def kept_features(self, everyone: bool = False) -> None:
        """Score, and take the maps of candidates (or of all) from the features that the scoring forward left."""
        features, logits = self.score()
        asked = torch.ones_like(self.candidates) if everyone else self.candidates
        classes = target_logit(logits[asked], self.targets[asked])
        with self._half():
            gradients = feature_gradients(self.backbone, features[asked], classes)
        topk_mass(activation_map(features[asked].float(), gradients.float(), "hires_cam"))

    @staticmethod
    def _half() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


def rows(name: str, share: float, rounds: int) -> list[tuple[str, str, str, str]]:
    """Lever, median milliseconds per batch, their ratio to a training step, forward-equivalents per record."""
    levers = Levers(name, share)
    above = share_above(levers.backbone, -1, levers.samples)
    runs: dict[str, tuple[Callable[[], object], float]] = {
        "training step, all records": (levers.train, TRAINING),
        "+ released: score all, then candidates through the whole network": (
            levers.released,
            1 + share * TRAINING,
        ),
        "+ maps from kept features, of all records": (
            lambda: levers.kept_features(everyone=True),
            1 + above * TRAINING,
        ),
        "+ maps from kept features, of candidates": (levers.kept_features, 1 + share * above * TRAINING),
        "+ the same, every 4th epoch": (levers.kept_features, (1 + share * above * TRAINING) / 4),
        "training step that leaves maps, all records": (lambda: levers.train(harvest=True), TRAINING),
    }
    times: dict[str, list[float]] = {label: [] for label in runs}
    for _ in range(rounds + 1):
        for label, (run, _) in runs.items():
            times[label].append(seconds(run))
    found = []
    step = times["training step, all records"][1:]
    for label, (_, forwards) in runs.items():
        every = 4 if "every 4th" in label else 1
        own = [value / every for value in times[label][1:]]
        ratio = statistics.median(a / b for a, b in zip(own, step, strict=True))
        found.append((label, f"{1000 * statistics.median(own):.1f}", f"{ratio:.2f}", f"{forwards:.2f}"))
    return found


def main() -> None:
    """Time every lever and print a table per backbone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.5, help="of a batch that are candidates")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    make_deterministic(options.threads)
    for name, (records, samples) in CASES.items():
        table = Table(
            f"{name}, batches of {records} crops of {samples / 100:g} s, {options.share:.0%} candidates",
            "ms per batch",
            "of a training step",
            "forward-equivalents per record",
        )
        for row in rows(name, options.share, options.rounds):
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    main()
