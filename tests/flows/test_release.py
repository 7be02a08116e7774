"""`veribeat keys`, `release`, `audit` and `diff` as a user types them, on a pipeline that has run."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from checkout import Checkout
from command_line import call
from miniature import git

from flows.release.manifest import differences, write_manifest


@pytest.fixture(scope="module")
def released(after_flow: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in git, with the signed release v1; not to be changed."""
    path = tmp_path_factory.mktemp("released") / "checkout"
    checkout = Checkout(shutil.copytree(after_flow.path, path, symlinks=True))
    (path / ".gitignore").write_text(
        "__pycache__/\n/out/\n/scratch/\n/runs/\n/mlflow/\n/.prefect/\n/releases/\n/.dvc/cache/\n/.dvc/tmp/\n"
    )
    git(path, "init", "--quiet")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "a release candidate")
    made = checkout.veribeat("keys", str(path.parent / "key"))
    assert "Fingerprint: " in made.stdout
    arguments = ("--reason", "the first one", "--key", str(path.parent / "key"))
    assert "release.html" in checkout.veribeat("release", "v1", *arguments).stdout
    return checkout


def audit(checkout: Checkout, *options: str) -> tuple[int, str]:
    """Exit code, and the verdict."""
    key = str(checkout.path.parent / "key.pub")
    done = checkout.veribeat("audit", "releases/v1", "--key", key, *options, check=False)
    return done.returncode, done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr


def test_a_release_says_what_it_is_of_and_holds_no_recording(released: Checkout) -> None:
    folder = released.path / "releases" / "v1"
    assert differences(folder) == {}
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["code"]["commit"] == git(released.path, "rev-parse", "HEAD")
    assert not provenance["code"]["dirty"]
    assert provenance["stages"] == released.stages()
    assert provenance["mlflow"]["run_id"]
    assert json.loads((folder / "decision.json").read_text())["reason"] == "the first one"
    records = pd.read_csv(folder / "records.csv")
    learnt = pd.read_csv(folder / "learnt.csv")["ecg_id"].tolist()
    assert records.loc[records["learnt"], "ecg_id"].tolist() == learnt
    assert not list(folder.rglob("*.h5"))
    assert (folder / "dvc.lock").read_text() == released.lock()


@pytest.mark.slow
def test_a_release_is_made_again_to_the_same_bytes_and_a_changed_byte_is_named(released: Checkout) -> None:
    assert audit(released) == (0, "Release v1: identical")
    assert audit(released, "--quick") == (0, "Release v1: intact")
    model = released.path / "releases" / "v1" / "model.pt"
    content = model.read_bytes()
    model.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        assert audit(released) == (1, "Release v1: different (model.pt is changed)")
    finally:
        model.write_bytes(content)


def test_an_unsigned_copy_with_better_metrics_is_different(released: Checkout, tmp_path: Path) -> None:
    folder = shutil.copytree(released.path / "releases" / "v1", tmp_path / "v1")
    (folder / "manifest.sig").unlink()
    metrics = (folder / "metrics.json").read_text()
    (folder / "metrics.json").write_text(metrics.replace("0.", "0.9", 1))
    write_manifest(folder)
    done = released.veribeat("audit", str(folder), "--quick", check=False)
    assert done.returncode == 1
    assert "metrics.json is not the out/calibrate-baseline/metrics.json that dvc.lock" in done.stdout


def test_two_releases_are_compared(released: Checkout) -> None:
    done = released.veribeat("diff", "releases/v1", "releases/v1", "--json")
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("v1",), "There is a release 'v1' already"),
        (("../v2",), "'../v2' cannot name a release"),
        (("0002",), "'0002' cannot name a release"),  # a number is an update's
        (("v2", "--arm", "erts"), "no arm 'erts', only baseline"),
        (("v2", "--key", "params.yaml"), "not a private key"),
        (("v2", "--key", "nowhere"), "There is no key"),
    ],
)
def test_mistakes_are_one_sentence(
    released: Checkout,
    arguments: tuple[str, ...],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(released.path)
    assert call("release", *arguments, "--reason", "none") == 2
    assert sentence in capsys.readouterr().err
    assert [folder.name for folder in (released.path / "releases").iterdir()] == ["v1"]


def test_versions_of_the_run_that_trained_it_are_in_a_release(done: Checkout) -> None:
    """Made by a process with the pinned ones, after a run with `--any-versions`."""
    (file,) = done.path.glob("runs/*/run.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"other_versions": ["torch 1 instead of 2"]}))
    done.veribeat("release", "v1", "--reason", "none")
    provenance = json.loads((done.path / "releases" / "v1" / "provenance.json").read_text())
    assert provenance["versions_differ"] == ["torch 1 instead of 2"]
    assert provenance["versions_unrecorded"] == []
    assert "torch 1 instead of 2" in (done.path / "releases" / "v1" / "model_card.md").read_text()


def test_what_is_not_up_to_date_is_not_released(done: Checkout) -> None:
    done.set_params("calibrate.step=0.25")
    refused = done.veribeat("release", "v1", "--reason", "none", check=False)
    assert refused.returncode == 2
    assert "Stage 'calibrate-baseline' is not up to date" in refused.stderr
    assert not (done.path / "releases").exists()


@pytest.mark.slow
def test_uncommitted_code_is_no_ground_for_an_audit(done: Checkout, tmp_path: Path) -> None:
    """A copy outside of git: it can be released and looked at, but not made again."""
    done.veribeat("release", "v1", "--reason", "none")
    refused = done.veribeat("audit", "releases/v1", "--keep", str(tmp_path / "kept"), check=False)
    assert refused.returncode == 2
    assert "outside of git" in refused.stderr
    assert not (tmp_path / "kept").exists()
    assert done.veribeat("audit", "releases/v1", "--quick").stdout.strip().endswith("Release v1: intact")
