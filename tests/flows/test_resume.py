"""`kill -9` in the middle of a training, then the stage again: it goes on, to the same bytes."""

import subprocess
import sys
import time

import psutil
import pytest
from checkout import Checkout

TRAIN = [sys.executable, "-m", "tasks.train", "baseline"]
OUTPUTS = ("model.pt", "history.csv", "training.json")


def _train(checkout: Checkout) -> str:
    return checkout.run(*TRAIN).stderr


def _train_until(checkout: Checkout, line_start: str) -> None:
    """Start the stage and kill it as soon as it has said so much."""
    process = subprocess.Popen(
        TRAIN, cwd=checkout.path, env=checkout.environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(line_start):
            process.kill()
            process.wait()
            return
    pytest.fail(f"the training ended without '{line_start}'")


def _outputs(checkout: Checkout) -> dict[str, bytes]:
    return {name: (checkout.path / "out/train-baseline" / name).read_bytes() for name in OUTPUTS}


def _trainings(checkout: Checkout) -> list[int]:
    """Processes that train in this checkout."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        if process.info["cwd"] == str(checkout.path) and "tasks.train" in (process.info["cmdline"] or ()):
            found.append(process.info["pid"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_a_killed_training_goes_on_to_the_same_bytes(done: Checkout, devices: int) -> None:
    done.set_params(
        "presets.short.max_epochs=5",
        "presets.short.schedule=one_cycle",
        "presets.short.precision=bfloat16",
        "presets.short.learning_rate=0.01",
        f"train.devices={devices}",
    )
    said = _train(done)
    assert said.count("epoch    4") == 1  # of several processes one speaks
    undisturbed = _outputs(done)
    scratch = done.path / "scratch"
    assert not list(scratch.glob("*.resume*")), "a finished training would be gone on from"

    _train_until(done, "epoch    2")
    ends = time.monotonic() + 60
    while _trainings(done):
        assert time.monotonic() < ends, "a process has outlived the one that started it"
        time.sleep(0.2)
    assert _outputs(done) == undisturbed  # the kill left the former outputs alone
    again = _train(done)
    assert "going on after epoch" in again
    assert _outputs(done) == undisturbed

    _train_until(done, "epoch    2")
    done.set_params("presets.short.learning_rate=0.001")
    other = _train(done)
    assert "going on after" not in other  # another recipe does not go on from that state
    assert _outputs(done) != undisturbed
