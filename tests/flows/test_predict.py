"""`veribeat predict`: what goes to which output, and that another guise of a record changes no prediction."""

import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import ecg, write_recording

from flows.cli import main
from models.bundle import Classifier
from veribeat.conventions import LEADS, SUPERCLASSES

REFERENCE = Path(__file__).resolve().parents[2] / "reference" / "ptbxl"


@dataclass(frozen=True)
class Answer:
    """What one call printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out)
        return found

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["veribeat", "predict", *arguments])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        return Answer(code, *capsys.readouterr())

    return call


def _plain(seconds: float = 10.0) -> np.ndarray:
    rounded: np.ndarray = np.rint(ecg(100, seconds) * 1000) / 1000
    return rounded


def test_one_record_in_full(predict: Any, tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", _plain(), 100)
    answer = predict(record)
    assert (answer.code, answer.err) == (0, "")
    classifier = Classifier.load(REFERENCE)
    expected = classifier.probabilities(_plain()[None])
    probabilities = dict(zip(SUPERCLASSES, map(float, map(str, expected[0])), strict=True))
    labels = list(classifier.labels(expected)[0])
    window = {
        "start_s": 0.0,
        "end_s": 10.0,
        "probabilities": probabilities,
        "labels": labels,
        "warnings": [],
    }
    assert answer.records == [
        {
            "record": record,
            "model": {
                "name": "ptbxl",
                "backbone": classifier.backbone_name,
                "thresholds": dict(zip(SUPERCLASSES, classifier.thresholds, strict=True)),
            },
            "sampling_rate": 100.0,
            "duration_s": 10.0,
            "windows": [window],
            "probabilities": probabilities,
            "labels": labels,
            "warnings": [],
        }
    ]
    assert 0.01 < max(probabilities.values()) < 1


def test_another_guise_of_a_record_is_predicted_the_same(predict: Any, tmp_path: Path) -> None:
    order = [7, 2, 0, 11, 4, 1, 3, 5, 6, 8, 9, 10]
    names = [f"MDC_ECG_LEAD_{LEADS[k]}" for k in order]
    exact = [
        write_recording(tmp_path, "plain", _plain(), 100),
        write_recording(tmp_path, "order", _plain()[:, order], 100, leads=names) + ".hea",
        write_recording(tmp_path, "microvolts", _plain(), 100, "24", unit="uV"),
        write_recording(tmp_path, "packed", _plain(), 100, "212"),
        write_recording(tmp_path, "wide", _plain(), 100, "32", steps_per_mv=1_000_000),
    ]
    rates = [
        write_recording(tmp_path, f"r{rate}".replace(".", "_"), ecg(rate), rate) for rate in (250, 257, 360)
    ]
    rates += [
        write_recording(tmp_path, f"r{rate}".replace(".", "_"), ecg(rate), rate) for rate in (500, 999.5)
    ]
    answer = predict("--format", "csv", *exact, *rates)
    assert (answer.code, answer.err) == (0, "")
    assert [row["record"] for row in answer.rows] == [*exact, *rates]
    found = np.array([[float(row[name]) for name in SUPERCLASSES] for row in answer.rows])
    assert (found[: len(exact)] == found[0]).all()
    np.testing.assert_allclose(found[len(exact) :], found[[0] * len(rates)], atol=0.01)


def test_a_long_record_is_cut_into_windows(predict: Any, tmp_path: Path) -> None:
    signals = _plain(26.0)
    signals[1200:1500, 8] += 6.0
    record = write_recording(tmp_path, "long", signals, 100)
    (found,) = predict(record).records
    assert [(each["start_s"], each["end_s"]) for each in found["windows"]] == [(0, 10), (10, 20), (16, 26)]
    mean = {
        name: np.mean([each["probabilities"][name] for each in found["windows"]]) for name in SUPERCLASSES
    }
    assert found["probabilities"] == pytest.approx(mean, abs=1e-6)
    kinds = [[warning.split(":")[0] for warning in each["warnings"]] for each in found["windows"]]
    assert "large amplitude" in kinds[1]
    assert "large amplitude" not in kinds[0] + kinds[2]
    assert "large amplitude: in 1 of 3 windows" in found["warnings"]
    rows = predict(record, "--format", "csv").rows
    assert [float(row["start_s"]) for row in rows] == [0.0, 10.0, 16.0]
    assert "large amplitude: V3, up to" in rows[1]["warnings"]


def test_warnings_go_to_both_outputs(predict: Any, tmp_path: Path) -> None:
    names = [lead for lead in LEADS if lead not in ("III", "AVR", "AVL", "AVF")]
    signals = _plain()[:, [LEADS.index(name) for name in names]]
    signals[:, -1] = 0.3
    signals[10, 0] = np.nan
    record = write_recording(
        tmp_path, "eight", np.column_stack((signals, signals[:, 0])), 100, leads=[*names, "RESP"]
    )
    answer = predict(record)
    (found,) = answer.records
    assert found["warnings"] == [
        "ignored signals: 'RESP'",
        "derived leads: III, AVR, AVL, AVF from I and II",
        "missing samples: 1 in I, bridged by straight lines",
        "flat lead: V6, within 0.02 mV",
    ]
    assert found["windows"][0]["warnings"] == found["warnings"][3:]
    assert answer.err == "".join(f"warning: {record}: {warning}\n" for warning in found["warnings"])
    assert answer.code == 0
    (row,) = predict("--format", "csv", record).rows
    assert row["warnings"] == "; ".join(found["warnings"])


def test_an_end_without_signal_is_said(predict: Any, tmp_path: Path) -> None:
    signals = ecg(500)
    signals[-51:] = signals[-51]
    answer = predict(write_recording(tmp_path, "r", signals, 500))
    (found,) = answer.records
    assert found["warnings"] == [
        "held end: the last 0.100 s hold one value in all leads, as in PTB-XL's 500 Hz files: no signal, and faded to"
        " each lead's median"
    ]
    assert answer.code == 0


def test_good_records_are_printed_beside_bad_ones(predict: Any, tmp_path: Path) -> None:
    first = write_recording(tmp_path, "first", _plain(), 100)
    short = write_recording(tmp_path, "short", _plain()[:980], 100)
    last = write_recording(tmp_path, "last", _plain() * 0.8, 100)
    nowhere = str(tmp_path / "nowhere")
    answer = predict(first, short, nowhere, last)
    assert answer.code == 2
    assert [found["record"] for found in answer.records] == [first, last]
    assert answer.err.splitlines() == [
        f"error: {short}: it lasts 9.8 s, and at least 10 s are needed.",
        f"error: {nowhere}: there is no file {nowhere}.hea.",
    ]
    assert (predict(nowhere).code, predict(nowhere).records) == (2, [])
    assert predict(nowhere, "--format", "csv").out.count("\n") == 1


def test_the_model_may_be_any_folder_of_a_classifier(predict: Any, tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", _plain(), 100)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "model.pt").write_bytes((REFERENCE / "model.pt").read_bytes())
    description = json.loads((REFERENCE / "classifier.json").read_text())
    description["thresholds"] = dict.fromkeys(SUPERCLASSES, 0.0)
    (mine / "classifier.json").write_text(json.dumps(description))
    (found,) = predict(record, "--model", str(mine)).records
    assert found["model"]["name"] == "mine"
    assert found["labels"] == list(SUPERCLASSES)
    (mine / "model.pt").unlink()
    answer = predict(record, "--model", str(mine))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("error: No weights at ")
    (mine / "model.pt").touch()  # as a full disk leaves it
    answer = predict(record, "--model", str(mine))
    assert (answer.code, answer.out) == (2, "")
    assert "holds no weights of backbone" in answer.err


def test_help_does_not_wait_for_torch() -> None:
    code = (
        "import sys; sys.argv = ['veribeat', 'predict', '--help']\n"
        "from flows.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print(sorted({'torch', 'wfdb', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "RECORD" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
