"""`veribeat explain`: what it writes for records of the cohort and of others, and what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import assert_one_sentence, call
from explain_workspace import REFERENCE, WITNESS, labels_of, make_workspace, rows_predicted
from recordings import write_recording
from ruamel.yaml import YAML

from models.bundle import Classifier
from tasks.real_ranges import RANGES
from veribeat.conventions import LEADS, SAMPLING_RATE, SUPERCLASSES
from veribeat.counterfactual.wave_edits import INDEPENDENT
from veribeat.signal.stored_units import from_units
from veribeat.signal.waves import WAVES

FILES = {
    "explanation.json",
    "signals.npz",
    *(f"{name}.{kind}" for name in ("query", "counterfactual", "heat") for kind in ("png", "svg")),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain") / "workspace"
    make_workspace(path)
    return path


@pytest.fixture(scope="module")
def signals(workspace: Path) -> np.ndarray:
    stored: np.ndarray = np.load(workspace / "out" / "ingest" / "signals.npy")
    return stored


@pytest.fixture(scope="module")
def ill(signals: np.ndarray) -> str:
    """The ecg_id of a record that is predicted as MI alone."""
    return str(rows_predicted(labels_of(signals), "MI")[0] + 1)


@pytest.fixture(scope="module")
def explained(workspace: Path, ill: str) -> Path:
    """The folder of one explanation; not to be changed."""
    folder = workspace.parent / "explained"
    assert explain(workspace, folder, ill) == 0
    return folder


def explain(workspace: Path, folder: Path, *arguments: str) -> int:
    return call("explain", *arguments, "--out", str(folder), "--workspace", str(workspace))


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    return content


def test_what_is_written_is_what_the_classifier_says(explained: Path, signals: np.ndarray, ill: str) -> None:
    assert {file.name for file in explained.iterdir()} == FILES
    found, arrays = read(explained), np.load(explained / "signals.npz")
    query, counterfactual, changed = (arrays[name] for name in ("query_mv", "counterfactual_mv", "changed"))
    assert (query == from_units(signals[int(ill) - 1])).all()
    assert (query == counterfactual)[~changed].all()
    classifier = Classifier.load(REFERENCE)
    for part, signal in (("query", query), ("counterfactual", counterfactual)):
        probabilities = classifier.probabilities(signal[None])
        written = [found[part]["probabilities"][name] for name in SUPERCLASSES]
        assert written == pytest.approx(probabilities[0], abs=1e-6)
        assert found[part]["labels"] == list(classifier.labels(probabilities)[0])
    assert found["query"]["labels"] == ["MI"]
    assert found["target"] == ["NORM"]
    assert found["method"] == "wave_sparse"
    assert found["counterfactual"]["valid"] == (found["counterfactual"]["labels"] == ["NORM"])
    assert found["donor"]["superclass"] == "NORM"
    witness = Classifier.load(WITNESS)
    seen = witness.probabilities(counterfactual[None])
    assert found["witness"]["labels"] == list(witness.labels(seen)[0])
    written = [found["witness"]["probabilities"][name] for name in SUPERCLASSES]
    assert written == pytest.approx(seen[0], abs=1e-5)
    assert found["metrics"]["witness_reached"] == (found["witness"]["labels"] == ["NORM"])
    assert found["donor"]["silhouette"] is None
    assert found["model"]["thresholds"] == dict(zip(SUPERCLASSES, classifier.thresholds, strict=True))
    assert (found["record"], found["ecg_id"], found["start_s"], found["end_s"]) == (ill, int(ill), 0.0, 10.0)


def test_edits_are_all_that_was_changed(explained: Path) -> None:
    arrays = np.load(explained / "signals.npz")
    difference = arrays["counterfactual_mv"].astype(float) - arrays["query_mv"]
    listed = np.zeros_like(arrays["changed"])
    for edit in read(explained)["edits"]:
        span = slice(*(round(edit[name] * SAMPLING_RATE) for name in ("start_s", "end_s")))
        piece = difference[span, LEADS.index(edit["lead"])]
        listed[span, LEADS.index(edit["lead"])] = True
        assert edit["mean_mv"] == pytest.approx(piece.mean(), abs=1e-6)
        assert abs(edit["largest_mv"]) == pytest.approx(np.abs(piece).max(), abs=1e-6)
    assert listed.any()
    assert (listed == arrays["changed"]).all()


def test_edits_of_waves_are_named(explained: Path) -> None:
    found = read(explained)
    assert found["waves"]
    for change in found["waves"]:
        assert change["wave"] in WAVES
        assert change["lead"] in INDEPENDENT
        assert -400 <= change["start_ms"] < change["end_ms"] <= 700
        assert abs(change["mean_mv"]) <= abs(change["largest_mv"])
    assert {change["lead"] for change in found["waves"]} <= {edit["lead"] for edit in found["edits"]}
    assert found["counterfactual"]["keep_ratio"] is None
    assert found["counterfactual"]["margin_logits"] > 0
    assert found["counterfactual"]["forwards"] > 24  # what the gradients towards two donors take
    assert found["metrics"]["limb_lead_residual_mv"] < 0.004


def test_predicted_and_target_superclass_are_attributed(explained: Path) -> None:
    found, values = read(explained)["attributions"], np.load(explained / "signals.npz")["attributions"]
    assert [each["superclass"] for each in found] == ["NORM", "MI"]
    assert values.shape == (2, 1000, 12)
    for each, of_class in zip(found, values, strict=True):
        assert (each["method"], each["unit"]) == (
            "expected_gradients",
            f"contribution to the logit of {each['superclass']}",
        )
        assert 0 < each["monte_carlo_error"] < 1
        assert sum(each["lead_shares"].values()) == pytest.approx(1, abs=1e-5)
        share = np.abs(of_class[:, LEADS.index("V2")]).sum() / np.abs(of_class).sum()
        assert each["lead_shares"]["V2"] == pytest.approx(share, abs=1e-6)
        assert of_class.sum() * (each["logit"] - each["baseline_logit"]) > 0


def test_the_same_call_writes_the_same_bytes(
    workspace: Path, explained: Path, ill: str, tmp_path: Path
) -> None:
    assert explain(workspace, tmp_path / "again", ill, "--target", "NORM") == 0
    for name in sorted(FILES):
        assert (tmp_path / "again" / name).read_bytes() == (explained / name).read_bytes(), name


def test_a_file_is_explained_like_a_record_of_the_cohort(
    workspace: Path, explained: Path, signals: np.ndarray, ill: str, tmp_path: Path
) -> None:
    record = write_recording(tmp_path, "own", signals[int(ill) - 1] / 1000, 100)
    assert explain(workspace, tmp_path / "out", record + ".hea") == 0
    own, of_cohort = read(tmp_path / "out"), read(explained)
    assert own["ecg_id"] is None
    for key in ("query", "counterfactual", "donor", "edits"):
        assert own[key] == of_cohort[key]


def test_ten_seconds_of_a_longer_file(
    workspace: Path, signals: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = np.concatenate([signals[1], signals[0], signals[1]]) / 1000
    long[1500, 8] = 19.0
    record = write_recording(tmp_path, "long", long, 100)
    assert explain(workspace, tmp_path / "out", record, "--start", "10.5") == 0
    found = read(tmp_path / "out")
    assert (found["start_s"], found["end_s"], found["duration_s"]) == (10.5, 20.5, 30.0)
    assert all(10.5 <= edit["start_s"] < edit["end_s"] <= 20.5 for edit in found["edits"])
    assert len(found["query"]["r_peaks_s"]) > 5
    assert all(10.5 <= peak < 20.5 for peak in found["query"]["r_peaks_s"])
    assert any(warning.startswith("large amplitude: V3") for warning in found["warnings"])
    assert capsys.readouterr().err.splitlines() == [
        f"warning: {record}: {warning}" for warning in found["warnings"]
    ]


def test_the_terminal_shows_what_was_reached(
    workspace: Path,
    ill: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert explain(workspace, tmp_path / "out", ill, "--method", "original", "--target", "CD") == 0
    out = capsys.readouterr().out
    found = read(tmp_path / "out")
    assert f"Record {ill}, 0 to 10 s" in out
    assert f"CD is reached by original from record {found['donor']['ecg_id']}: " in out
    assert f"{found['counterfactual']['probabilities']['CD']:.3f} *" in out
    assert found["metrics"]["validity"] == 1.0
    assert found["metrics"]["nearest_real_mv"] is None
    assert len(found["edits"]) == 12
    assert "largest edits, lead" in out
    assert explain(workspace, tmp_path / "waves", ill, "--target", "CD") == 0
    out, found = capsys.readouterr().out, read(tmp_path / "waves")
    assert f"{len(found['waves'])} wave" in out
    assert f"Margin: {found['counterfactual']['margin_logits']:+.2f} logits" in out
    seen = " + ".join(found["witness"]["labels"]) or "no superclass"
    assert f"Witness: for the counterfactual {found['witness']['arm']} predicts {seen};" in out
    assert "wave, in every beat" in out


def test_refusals_are_one_sentence(
    workspace: Path, signals: np.ndarray, ill: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = write_recording(tmp_path, "short", signals[0] / 1000, 100)
    for arguments, said in (
        ((ill, "--target", "AFIB"), "'AFIB' is no superclass; choose from NORM, MI, STTC, CD, HYP."),
        ((ill, "--target", "MI"), "already predicts MI; choose another target."),
        ((ill, "--target", "HYP"), "no donor of HYP; choose another target."),
        ((ill, "--method", "magic"), "'magic' is no method; choose from original, sparse, aligned_sparse,"),
        (("65",), "The cohort has no record 65: "),
        (("no_such_record",), "no_such_record"),
        ((ill, "--start", "0.5"), f"{ill}: A window of 10 s that begins at 0.5 s does not lie"),
        ((record, "--start", "-1"), f"{record}: A window of 10 s that begins at -1 s does not lie"),
    ):
        assert explain(workspace, tmp_path / "out", *arguments) == 2, arguments
        assert_one_sentence(capsys, said)
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".*"))


def test_a_folder_that_exists_is_kept(
    workspace: Path, explained: Path, ill: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (explained / "explanation.json").read_bytes()
    assert explain(workspace, explained, ill) == 2
    assert_one_sentence(capsys, "exists already")
    assert (explained / "explanation.json").read_bytes() == before


def test_workspaces_without_prototypes_are_refused(
    workspace: Path, ill: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(tmp_path, tmp_path / "out", ill) == 2
    assert_one_sentence(capsys, "is not a workspace")
    copy = shutil.copytree(workspace, tmp_path / "copy")
    (copy / "out" / "prototypes" / "prototypes.h5").unlink()
    assert explain(copy, tmp_path / "out", ill) == 2
    assert_one_sentence(capsys, "prototypes.h5: run 'veribeat run' first.")
    shutil.copyfile(workspace / "out/prototypes/prototypes.h5", copy / "out/prototypes/prototypes.h5")
    (copy / "out" / "donors" / RANGES).write_text("{}")
    assert explain(copy, tmp_path / "out", ill) == 2
    assert_one_sentence(capsys, f"{RANGES} is missing or damaged")
    params = YAML(typ="safe").load(copy / "params.yaml")
    params["explain"]["arm"] = None
    YAML().dump(params, copy / "params.yaml")
    assert explain(copy, tmp_path / "out", ill) == 2
    assert_one_sentence(capsys, "'explain.arm' names no arm")


@pytest.mark.parametrize("file", ["train-baseline/model.pt", "calibrate-baseline/classifier.json"])
def test_prototypes_of_another_model_are_refused(
    file: str, workspace: Path, ill: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "workspace" / "out"
    shutil.copytree(workspace, out.parent)
    if file.endswith("model.pt"):
        weights = torch.load(out / file, weights_only=True)
        next(iter(weights.values())).add_(1e-3)
        torch.save(weights, out / file)
    else:
        (out / file).write_text((out / file).read_text() + " ")
    assert explain(out.parent, tmp_path / "explained", ill) == 2
    assert_one_sentence(capsys, f"prototypes.h5 is not of the classifier in {out / file}: run 'veribeat run'")
    assert not (tmp_path / "explained").exists()
