"""What differs between two fabricated releases, and how the command shows it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import call
from fabricated_releases import ODD, edit_params, make_release, write_evidence, write_json

from flows.code_dependencies import CODE_ROOT
from flows.release.difference import Change, Exclusions, Records, compare_releases
from flows.release.manifest import write_manifest
from flows.release.reading import ReleaseFiles
from veribeat.errors import InputError


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("releases")
    return make_release(folder / "0001", "first"), make_release(folder / "0002", "update")


@pytest.fixture
def edited(updates: tuple[Path, Path], tmp_path: Path) -> Callable[[Callable[[Path], None]], Path]:
    """A copy of the second release, called `other`, with something changed."""

    def edit(change: Callable[[Path], None]) -> Path:
        copy = shutil.copytree(updates[1], tmp_path / "other")
        (copy / "manifest.json").unlink()
        change(copy)
        write_manifest(copy)
        return copy

    return edit


def test_a_release_does_not_differ_from_itself(updates: tuple[Path, Path]) -> None:
    found = compare_releases(updates[1], updates[1])
    assert found.records == Records((), (), ())
    assert found.exclusions == Exclusions((), (), ())
    assert (found.batches_added, found.batches_removed) == ((), ())
    assert found.parameters == found.modules == found.packages == found.test_records == found.acceptance == ()
    assert found.commit.before == found.commit.after
    assert {score.difference for score in found.scores} == {0.0}


def test_records_added_removed_and_changed(
    updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]
) -> None:
    def change(release: Path) -> None:
        (release / "learnt.csv").write_text("ecg_id\n1\n2\n3\n4\n5\n6\n8\n11\n")
        lines = (release / "records.csv").read_text().splitlines(keepends=True)
        lines[2] = lines[2].replace("0" * 63 + "2", "f" * 64)
        (release / "records.csv").write_text("".join(lines))

    found = compare_releases(updates[1], edited(change))
    assert found.records == Records(added=(8, 11), removed=(7,), changed=(2,))


def test_digests_are_not_compared_where_a_release_has_none(
    updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]
) -> None:
    without = edited(lambda release: (release / "records.csv").unlink())
    assert compare_releases(updates[1], without).records.changed is None


def test_parameters_are_told_apart_by_key(
    updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]
) -> None:
    found = compare_releases(*updates)
    assert found.batches_added == (f"0002-{ODD}",)
    assert [change.name for change in found.parameters] == ["explain.arm", "retrain.champion"]
    assert Change("retrain.champion", "null", "0001") in found.parameters
    other = edited(lambda release: edit_params(release, arms__challenger={"seed": 7}, compute__new=[1, 2]))
    changes = {change.name: change for change in compare_releases(updates[1], other).parameters}
    assert changes["arms.challenger.seed"] == Change("arms.challenger.seed", 1, 7)
    assert changes["arms.challenger.preset"].after is None
    assert changes["compute.new"] == Change("compute.new", None, [1, 2])


def test_code_is_told_apart_by_commit_and_module(
    updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]
) -> None:
    def change(release: Path) -> None:
        lock = (release / "dvc.lock").read_text()
        # another commit, in a workspace that is the checkout itself, on other data
        lock = lock.replace("a" * 32, "e" * 32).replace("code/", "").replace("c" * 32, "9" * 32)
        (release / "dvc.lock").write_text(lock)
        provenance = json.loads((release / "provenance.json").read_text())
        provenance["code"] |= {"commit": "fedcba", "dirty": True}
        write_json(release / "provenance.json", provenance)

    found = compare_releases(updates[1], edited(change))
    assert found.modules == (Change("tasks/train.py", "a" * 32, "e" * 32),)
    assert found.commit.after == "fedcba, with changes that are not committed"


def test_packages(updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]) -> None:
    text = "# pinned\nnumpy==2.4.0\nveribeat @ file:///code\nwfdb==4.3.0\n"
    other = edited(lambda release: (release / "environment.txt").write_text(text) and None)
    assert compare_releases(updates[1], other).packages == (
        Change("numpy", "2.3.1", "2.4.0"),
        Change("torch", "2.12.0", None),
        Change("veribeat", None, "file:///code"),
    )


def test_what_an_older_release_lacks_is_not_compared(
    updates: tuple[Path, Path],
    edited: Callable[[Callable[[Path], None]], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def change(release: Path) -> None:
        for name in ("environment.txt", "provenance.json", "acceptance.csv", "records.csv"):
            (release / name).unlink()

    other = edited(change)
    found = compare_releases(updates[1], other)
    assert (found.packages, found.acceptance, found.commit.after) == (None, None, None)
    assert call("diff", str(updates[1]), str(other)) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "Packages: not known, a release has no environment.txt" in output
    assert "before, not known after" in output
    assert "a release was held against no limits" in output


def test_scores_are_paired(
    updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]
) -> None:
    def change(release: Path) -> None:
        metrics = json.loads((release / "metrics.json").read_text())
        metrics["test"]["calibrated"]["f1_macro"] = 0.75
        metrics["test"]["ranking"]["auroc_macro"] = None
        del metrics["fold_10"]
        write_json(release / "metrics.json", metrics)

    scores = {
        (score.records, score.metric): score for score in compare_releases(updates[1], edited(change)).scores
    }
    assert scores["test", "calibrated.f1_macro"].difference == 0.05
    assert scores["test", "ranking.auroc_macro"].difference is None
    assert scores["fold_10", "calibration.ece"].after is None
    assert scores["test", "calibrated.f1_by_class.NORM"].difference == 0.0
    assert ("test", "records") not in scores
    assert ("test", "positives.NORM") not in scores


def test_other_test_records_are_said_plainly(
    updates: tuple[Path, Path],
    edited: Callable[[Callable[[Path], None]], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def change(release: Path) -> None:
        card = json.loads((release / "card.json").read_text())
        card["folds"]["10"]["classes"]["MI"] = 99
        card["folds"]["1"]["records"] = 99  # of the training
        write_json(release / "card.json", card)

    other = edited(change)
    assert compare_releases(updates[1], other).test_records == (Change("fold 10, classes.MI", 11, 99),)
    assert call("diff", str(updates[1]), str(other)) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "The test records are not the same (fold 10, classes.MI differ)" in output


def test_exclusions(updates: tuple[Path, Path], edited: Callable[[Callable[[Path], None]], Path]) -> None:
    header = "ecg_id,kept,dropped,considered,difficulty,focus\n"
    other = edited(
        lambda release: (
            (release / "selection_log.csv").write_text(
                f"{header}1,3,5,5,0.1,0.5\n2,4,4,5,0.1,0.5\n3,8,0,0,,\n"
            )
            and None
        )
    )
    # 2 and 5 were excluded; now 1 is, 2 is trained on, and 5 is not among the training records
    found = compare_releases(updates[1], other).exclusions
    assert found == Exclusions(newly=(1,), no_longer=(2,), gone=(5,))
    (other / "selection_log.csv").write_text(f"{header}1,3,often,5,0.1,0.5\n")
    with pytest.raises(InputError, match=r"selection_log\.csv is damaged"):
        ReleaseFiles(other).excluded()


def test_acceptance_is_set_side_by_side(updates: tuple[Path, Path]) -> None:
    found = compare_releases(*updates)
    assert found.acceptance is not None
    assert [change.name for change in found.acceptance] == [
        "auroc_subgroup_loss, sex: male",
        "f1_macro_loss, all",
    ]
    assert found.acceptance[1].before is None
    assert found.acceptance[1].after == {
        "challenger": "0.71514",
        "low": "0.006319",
        "bound": "-0.01",
        "kept": "True",
    }


def test_the_command_shows_each_kind(
    updates: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert call("diff", *map(str, updates)) == 0
    output = capsys.readouterr().out
    assert f"0002-{ODD}" in output
    for text in (
        "Parameters: 2 differ",
        "no module that a stage read differs",
        "Packages: the same",
        "a release does not list them one by one",
        "newly excluded",
        "not judged",
        "0.7151 (0.0063)",
    ):
        assert text in output
    assert call("diff", str(updates[1]), str(updates[1])) == 0
    assert "Acceptance: the same" in capsys.readouterr().out


def test_json_holds_everything(updates: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert call("diff", "--json", *map(str, updates)) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["before"], content["after"]) == ("0001", "0002")
    assert content["exclusions"] == {"newly": [2, 5], "no_longer": [], "gone": []}
    assert content["scores"][0].keys() == {"records", "metric", "before", "after", "difference"}


def test_folders_that_are_no_whole_releases_are_refused(
    updates: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_evidence(tmp_path / "unfinished", "first")
    cut = shutil.copytree(updates[0], tmp_path / "cut")
    (cut / "learnt.csv").unlink()
    for folder in (tmp_path / "unfinished", cut, tmp_path / "nowhere"):
        assert call("diff", str(updates[1]), str(folder)) == 2
        error = capsys.readouterr().err
        assert f"error: {folder} is no whole release" in error
        with pytest.raises(InputError, match="is no whole release"):
            compare_releases(folder, updates[1])


def test_comparing_releases_imports_no_torch() -> None:
    code = (
        "import sys, flows.release.difference;"
        "print(sorted({'torch', 'pytorch_lightning', 'numba', 'mlflow', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CODE_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
