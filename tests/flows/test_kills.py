"""`kill -9` at random moments, then another run: the same bytes as an undisturbed one."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkout import EXPLAINED, Checkout

LONGEST_WAIT = {
    "ingest": 3.0,
    "train-baseline": 6.0,
    "attribute": 12.0,
    "rules": 12.0,
    "prototypes": 12.0,
    "counterfactuals": 15.0,
}
"""Seconds after a stage's start within which it is killed: its imports, its work and DVC's bookkeeping."""

WITH_CANDIDATES = ("simulate.records=900", "presets.short.max_epochs=15")
"""So many records, learnt so well, that there are prototypes of several superclasses and queries to explain."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which only the simulated records exist."""
    checkout = Checkout.make(tmp_path_factory.mktemp("kills") / "checkout")
    checkout.set_params("simulate.records=400", "presets.short.max_epochs=6")
    assert checkout.repro("simulate") == ["simulate"]
    return checkout


@pytest.fixture(scope="module")
def undisturbed(simulated: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Hashes of every output of a run that nobody killed."""
    checkout = _copy(simulated, tmp_path_factory.mktemp("undisturbed"))
    checkout.flow()
    return checkout.output_hashes()


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which there is an arm to be explained."""
    checkout = Checkout.make(tmp_path_factory.mktemp("explained") / "checkout")
    checkout.set_params(*WITH_CANDIDATES)
    checkout.repro()
    checkout.set_params(*EXPLAINED, "attribute.draws=20", "rules.samples=100")
    return checkout


@pytest.fixture(scope="module")
def undisturbed_explanations(
    calibrated: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Hashes of every output of an explanation chain that nobody killed."""
    checkout = _copy(calibrated, tmp_path_factory.mktemp("undisturbed explanations"))
    checkout.flow()
    counterfactuals = checkout.path / "out/counterfactuals/counterfactuals.json"
    assert json.loads(counterfactuals.read_text())["aligned_sparse"]["all"]
    return checkout.output_hashes()


@pytest.mark.hours
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", ["attribute", "rules", "prototypes", "counterfactuals"])
@pytest.mark.parametrize("moment", range(3))
def test_a_killed_explanation_can_be_run_again(
    calibrated: Checkout, undisturbed_explanations: dict[str, str], tmp_path: Path, stage: str, moment: int
) -> None:
    _kill_and_run_again(calibrated, undisturbed_explanations, tmp_path, stage, moment)


@pytest.mark.hours
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stage", ["ingest", "train-baseline"])
@pytest.mark.parametrize("moment", range(5))
def test_a_killed_run_can_be_run_again(
    simulated: Checkout, undisturbed: dict[str, str], tmp_path: Path, stage: str, moment: int
) -> None:
    _kill_and_run_again(simulated, undisturbed, tmp_path, stage, moment)


def _kill_and_run_again(
    original: Checkout, undisturbed: dict[str, str], tmp_path: Path, stage: str, moment: int
) -> None:
    checkout = _copy(original, tmp_path)
    wait = random.Random(f"{stage} {moment}").uniform(0, LONGEST_WAIT[stage])
    # Every other time only the flow dies, and leaves DVC and the stage at work.
    _run_and_kill(checkout, stage, wait, everything=moment % 2 == 0)
    _run_until_done(checkout)
    assert checkout.output_hashes() == undisturbed
    for path, md5 in undisturbed.items():
        file = checkout.path / path
        assert file.exists(), path
        if file.is_file():  # of folders DVC records a hash of its own making
            assert hashlib.md5(file.read_bytes()).hexdigest() == md5, path
    assert checkout.repro() == []


@pytest.mark.hours
def test_ctrl_c_ends_a_run_at_once_and_the_next_one_goes_on(
    simulated: Checkout, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    checkout = _copy(simulated, tmp_path)
    process = _start(checkout, until="train-baseline")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "goes on where this run stopped" in output
    assert "Traceback" not in output
    assert checkout.flow() == ["train-baseline", "calibrate-baseline"]
    assert checkout.output_hashes() == undisturbed


def _copy(checkout: Checkout, folder: Path) -> Checkout:
    shutil.copytree(checkout.path, folder / "checkout", symlinks=True)
    return Checkout(folder / "checkout")


def _start(checkout: Checkout, until: str) -> subprocess.Popen[str]:
    """Start the flow and return when it has started a stage."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", "run"],
        cwd=checkout.path,
        env=checkout.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if f"Running stage '{until}'" in line:
            return process
    pytest.fail(f"the run ended before stage '{until}'")


def _run_and_kill(checkout: Checkout, stage: str, wait: float, *, everything: bool) -> None:
    process = _start(checkout, until=stage)
    time.sleep(wait)
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
        if everything:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _run_until_done(checkout: Checkout) -> None:
    """Run again; where the killed flow left its stage at work, the run is refused until that ends."""
    for _ in range(60):
        done = checkout.veribeat("run", check=False)
        if done.returncode == 0:
            return
        output = done.stdout + done.stderr
        assert done.returncode == 2, output
        assert "already running" in output or "busy" in output, output
        time.sleep(2)
    pytest.fail("the stage that the killed flow left behind never ended")
