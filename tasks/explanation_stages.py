"""The stages that explain the predictions of one arm, and what they write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.params.document import Params
from tasks.stage_description import Artifact, Stage

PROTOTYPE_FIGURES = ("figures/silhouettes.png", "figures/clusters.png")

REPORT_TABLES = ("table_3.csv", "table_4.csv", "tables_7_11.csv", "tables_12_13.csv")
"""[CF]'s tables with ours beside them."""

REPORT_FIGURES = (
    "figures/lead_importance.png",
    "figures/query.png",
    "figures/prototype.png",
    "figures/original.png",
    "figures/sparse.png",
    "figures/aligned.png",
    "figures/aligned_sparse.png",
    "figures/heat.png",
    "figures/beat_sparse.png",
    "figures/wave_sparse.png",
    "figures/worst.png",
)
"""After the importance of leads [CF] figures 8-14, in this order, the same query by our methods, and the failures."""


@dataclass(frozen=True)
class _Explained:
    """The arm that is explained, the parameters, and the stages before by name."""

    arm: str
    params: Params
    done: Mapping[str, Stage]

    def stage(
        self,
        name: str,
        inputs: tuple[str, ...] = (),
        more_params: tuple[str, ...] = (),
        arguments: tuple[str, ...] = (),
        more_backbones: tuple[str, ...] = (),
        **outputs: Any,
    ) -> Stage:
        """The stage `tasks.{name}` of the arm, with what all that explain need and what this one needs besides."""
        ingest, split = self.done["ingest"], self.done["split"]
        common = (
            ingest.output("signals.npy"),
            ingest.output("records.parquet"),
            split.output("roles.parquet"),
            split.output("normalisation.json"),
            *self.classifier(self.arm),
        )
        backbones = sorted({self.params.arms[self.arm].backbone, *more_backbones})
        return Stage(
            name=name,
            module=f"tasks.{name}",
            arguments=(self.arm, *arguments),
            inputs=(*common, *inputs),
            params=(f"arms.{self.arm}.backbone", "compute", name, *more_params),
            chosen=tuple(f"models.backbones.{each}" for each in backbones),
            **outputs,
        )

    def classifier(self, arm: str) -> tuple[str, str]:
        """Weights and thresholds of an arm."""
        return (
            self.done[f"train-{arm}"].output("model.pt"),
            self.done[f"calibrate-{arm}"].output("classifier.json"),
        )


def explanation_stages(arm: str, params: Params, done: Mapping[str, Stage]) -> tuple[Stage, ...]:
    """What explains the predictions of one arm; `done` holds the stages before."""
    of = _Explained(arm, params, done)
    attribute = of.stage(
        "attribute",
        files=("attributions.h5", "attributions.parquet", "lead_importance.csv"),
        metrics=("attribute.json",),
    )
    rules = of.stage(
        "rules",
        inputs=(attribute.output("attributions.h5"), attribute.output("attributions.parquet")),
        files=("rules.parquet", "summary.parquet"),
        metrics=("rules.json",),
    )
    prototypes = _prototypes(of, rules)
    donors = of.stage(
        "donors", files=("donors.h5", "donors.csv", "real_ranges.json"), metrics=("donors.json",)
    )
    counterfactuals = _counterfactuals(of, prototypes, donors)
    report = _report(of, attribute, rules, prototypes, counterfactuals)
    return attribute, rules, prototypes, donors, counterfactuals, report


def _prototypes(of: _Explained, rules: Stage) -> Stage:
    cluster_on = of.params.prototypes.cluster_on
    return of.stage(
        "prototypes",
        arguments=(cluster_on,),
        inputs=(rules.output("rules.parquet"),) if cluster_on == "rules" else (),
        more_params=("cohort",),
        files=("prototypes.h5", "prototypes.csv", "distances.h5", "silhouettes.csv", *PROTOTYPE_FIGURES),
        metrics=("prototypes.json",),
        artifacts=(
            Artifact(
                f"prototypes-{of.arm}",
                "prototypes.h5",
                "prototypes",
                f"Typical records of each superclass, as classified by the arm {of.arm}",
            ),
        ),
    )


def _counterfactuals(of: _Explained, prototypes: Stage, donors: Stage) -> Stage:
    witness = of.params.explain.witness
    return of.stage(
        "counterfactuals",
        inputs=(
            prototypes.output("prototypes.h5"),
            *map(donors.output, ("donors.h5", "real_ranges.json")),
            *(() if witness is None else of.classifier(witness)),
        ),
        more_params=() if witness is None else (f"arms.{witness}.backbone",),
        arguments=() if witness is None else (witness,),
        more_backbones=() if witness is None else (of.params.arms[witness].backbone,),
        files=("counterfactuals.h5", "counterfactuals.parquet"),
        metrics=("counterfactuals.json",),
    )


def _report(
    of: _Explained, attribute: Stage, rules: Stage, prototypes: Stage, counterfactuals: Stage
) -> Stage:
    return of.stage(
        "report",
        inputs=(
            *map(attribute.output, ("attributions.parquet", "lead_importance.csv", "attribute.json")),
            rules.output("rules.json"),
            *map(prototypes.output, ("prototypes.h5", "prototypes.json")),
            *map(counterfactuals.output, ("counterfactuals.h5", "counterfactuals.parquet")),
        ),
        more_params=("attribute", "cohort"),
        files=(*REPORT_TABLES, "discussion.md", *REPORT_FIGURES),
    )
