"""What a release says of itself: where it comes from, and why it was made."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.json_text import json_text
from flows.provenance import code_address
from flows.release.stages import released_stages
from flows.remote import remote_url
from flows.workspace import Workspace


@dataclass(frozen=True)
class Making:
    """When and by what a release is made.

    `mlflow` holds tracking_uri, experiment and either run_id, or the tag by which the run that will be logged is found.
    `other_versions` are packages that were not as pinned, when it was made or when its stages ran; `unrecorded` the
    stages of which nobody knows.
    """

    made: str  # ISO 8601
    commit: str | None
    dirty: bool
    mlflow: Mapping[str, str | None]
    prefect_flow_run: str | None = None
    other_versions: Sequence[str] = ()
    unrecorded: Sequence[str] = ()


def provenance_document(place: Workspace, arm: str, release: str, making: Making) -> str:
    """The text of provenance.json."""
    params = place.params()
    content = {
        "release": release,
        "arm": arm,
        "stages": released_stages(place, arm),
        "workspace": place.path.name,
        "code": {"commit": making.commit, "dirty": making.dirty, "address": code_address()},
        "cohort": {
            "source": params.cohort.source,
            "simulated": params.cohort.simulated,
            "batches": list(params.cohort.batches),
            "folds": params.split.model_dump(mode="json"),
        },
        "remote": remote_url(place),
        "mlflow": dict(making.mlflow),
        "prefect": {"flow_run": making.prefect_flow_run},
        "versions_differ": list(making.other_versions),
        "versions_unrecorded": list(making.unrecorded),
        "made": making.made,
    }
    return json_text(content)


def decision_document(
    release: str,
    kind: str,
    champion: str | None,
    acceptance: Path | None,
    refused: Mapping[str, str],
    reason: str,
) -> str:
    """The text of decision.json.

    Args:
        release: its name.
        kind: "first", "update" or "by hand".
        champion: the release that it replaces.
        acceptance: acceptance.csv of the stage `challenge`; None where nothing was to be kept to.
        refused: batches that it has not learnt from, with the reasons.
        reason: why it was made.
    """
    limits: list[dict[str, Any]] = []
    if acceptance is not None:
        with acceptance.open(encoding="utf-8", newline="") as file:
            limits = list(csv.DictReader(file))
    content = {
        "release": release,
        "kind": kind,
        "champion_before": champion,
        "accepted": True,
        "limits": limits,
        "refused_batches": dict(refused),
        "reason": reason,
    }
    return json_text(content)
