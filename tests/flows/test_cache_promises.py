"""One cache, two engines: what runs again, what does not, and that equal inputs give equal bytes."""

import fcntl
from pathlib import Path

import pytest
from checkout import Checkout

from tasks.stage import REGISTRIES
from tasks.workers import WORKERS

ALL_STAGES = ["simulate", "ingest", "split", "train-baseline", "calibrate-baseline"]


def test_prefect_has_a_named_task_for_each_stage(after_flow: Checkout) -> None:
    stages = [(name, "Completed") for name in after_flow.stages()]
    assert after_flow.task_runs()[: len(stages)] == stages


def test_prefect_shows_what_came_from_the_cache(done: Checkout) -> None:
    before = len(done.task_runs())
    assert done.flow() == []
    assert done.task_runs()[before:][: len(done.stages())] == [(name, "Cached") for name in done.stages()]


def test_after_the_flow_dvc_repro_runs_nothing(done: Checkout) -> None:
    assert done.repro() == []


@pytest.mark.slow
def test_after_dvc_repro_the_flow_runs_nothing_and_force_gives_the_same_lock(
    after_flow: Checkout, tmp_path: Path
) -> None:
    checkout = Checkout.make(tmp_path / "checkout")
    assert checkout.repro() == ALL_STAGES
    assert checkout.lock() == after_flow.lock()
    assert checkout.flow() == []
    assert checkout.repro("--force") == ALL_STAGES
    assert checkout.lock() == after_flow.lock()


@pytest.mark.slow
def test_a_changed_parameter_reruns_what_depends_on_it(done: Checkout) -> None:
    before = done.output_hashes()
    done.set_params("calibrate.step=0.25")
    assert done.flow() == ["calibrate-baseline"]
    after = done.output_hashes()
    changed = {path for path in before if before[path] != after[path]}
    assert "out/calibrate-baseline/classifier.json" in changed
    assert all(path.startswith("out/calibrate-baseline/") for path in changed)


def test_a_deleted_output_comes_back_from_the_cache(done: Checkout) -> None:
    before = done.output_hashes()
    for deleted in ("out/train-baseline/model.pt", "out/ingest/signals.npy"):
        (done.path / deleted).unlink()
    assert done.flow() == []
    assert (done.path / "out/train-baseline/model.pt").is_file()
    assert (done.path / "out/ingest/signals.npy").is_file()
    assert done.output_hashes() == before


@pytest.mark.parametrize(
    ("module", "users"),
    [
        ("veribeat/metrics/bootstrap.py", ["calibrate-baseline"]),
        pytest.param("models/training.py", ["train-baseline"], marks=pytest.mark.slow),
        pytest.param(
            "models/backbones/cnn_gru_flow.py",
            ["train-baseline", "calibrate-baseline"],
            marks=pytest.mark.slow,
        ),
        pytest.param("constraints.txt", ALL_STAGES, marks=pytest.mark.slow),
    ],
)
def test_an_edited_module_reruns_its_users_and_only_those(
    done: Checkout, module: str, users: list[str]
) -> None:
    file = done.path / module
    file.write_text(file.read_text() + "\n# an edit that changes nothing\n")
    before = done.output_hashes()
    assert done.repro() == users
    assert done.output_hashes() == before


def test_edits_that_no_stage_uses_rerun_nothing(done: Checkout) -> None:
    for module in ("flows/pipeline.py", "tasks/stages.py", *REGISTRIES):
        file = done.path / module
        file.write_text(file.read_text() + "\n# an edit that changes nothing\n")
    params = done.path / "params.yaml"
    params.write_text("# another comment\n" + params.read_text())
    assert done.repro() == []


def test_a_second_run_in_a_busy_workspace_says_so(done: Checkout) -> None:
    with (done.path / ".dvc/tmp/veribeat.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = done.veribeat("run", check=False)
    assert refused.returncode == 2
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert "Another run is busy" in sentence
    assert "Traceback" not in refused.stdout + refused.stderr


def test_bad_input_in_a_stage_is_one_sentence_and_exit_code_2(done: Checkout) -> None:
    done.set_params("ingest.max_quarantined=0.0")
    refused = done.veribeat("run", check=False)
    assert refused.returncode == 2
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert "quarantine" in sentence
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.slow
def test_the_modules_that_a_stage_loads_are_among_its_dependencies(
    explained: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WORKERS, "1")  # other processes could not load what was made under runpy
    report = (
        "import atexit, runpy, sys\n"
        "def show():\n"
        "    own = [m for m in list(sys.modules.values()) if str(getattr(m, '__file__', '')).startswith(root)]\n"
        "    print('LOADED', *sorted({m.__file__[len(root) + 1:] for m in own}), flush=True)\n"
        "import os; root = os.getcwd(); sys.path.insert(0, root); atexit.register(show)\n"
        "module, *sys.argv[1:] = sys.argv[1:]\n"
        "runpy.run_module(module, run_name='__main__')\n"
    )
    import yaml

    (explained.path / "report.py").write_text(report)
    stages = yaml.safe_load((explained.path / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        _, _, module, *arguments = stage["cmd"].split()
        output = explained.run("python", "report.py", module, *arguments).stdout
        (line,) = [line for line in output.splitlines() if line.startswith("LOADED ")]
        # Of a registry only what it picks is a dependency; a test of the registry fixes what that can be.
        loaded = set(line.split()[1:]) - {"report.py", *REGISTRIES}
        assert loaded, name
        assert loaded <= set(stage["deps"]), f"{name} loads modules that dvc.yaml does not list"
