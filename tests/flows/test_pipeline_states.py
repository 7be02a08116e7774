"""What the flows make of the state in which a task ended."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed, Failed

import flows.compare.flow
import flows.retrain.flow
from flows import pipeline
from flows.dvc_engine import Outcome, StageFailed
from flows.pipeline import INPUT_ERROR, raise_unless_completed, run_stage_to_end
from veribeat.errors import InputError


class _EndsAs:
    """Stands for the task `run_stage`."""

    def __init__(self, state: State[Any]) -> None:
        self.state = state

    def with_options(self, **options: str) -> Any:
        assert options == {"name": "ingest", "task_run_name": "ingest"}
        return lambda workspace, stage, return_state: self.state


@pytest.mark.parametrize(
    ("state", "outcome"),
    [(Completed(), Outcome.RAN), (Completed(name="Cached"), Outcome.CACHED)],
)
def test_a_stage_that_completed_ran_or_was_cached(
    state: State[Any], outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "run_stage", _EndsAs(state))
    assert run_stage_to_end(Path(), "ingest") is outcome


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (Crashed(message="The worker was lost."), StageFailed, "The worker was lost."),
        (Crashed(), StageFailed, "Stage 'ingest' ended as Crashed."),
        (Cancelled(), StageFailed, "Stage 'ingest' ended as Cancelled."),
        (Failed(message="It exited with 1."), StageFailed, "It exited with 1."),
        (Failed(name=INPUT_ERROR, message="No file."), InputError, "No file."),
        (Failed(name=INPUT_ERROR), InputError, "Stage 'ingest' found bad input."),
    ],
)
def test_a_stage_that_ended_otherwise_raises(
    state: State[Any], error: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "run_stage", _EndsAs(state))
    with pytest.raises(error, match=f"^{words}$"):
        run_stage_to_end(Path(), "ingest")


def test_all_flows_judge_by_the_same_function() -> None:
    assert flows.retrain.flow.run_stage_to_end is run_stage_to_end
    assert flows.compare.flow.run_stage_to_end is run_stage_to_end
    assert flows.compare.flow.raise_unless_completed is raise_unless_completed
