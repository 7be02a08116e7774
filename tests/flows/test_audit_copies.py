"""What people use of a release, changed together with its manifest: an audit finds that no stage has made it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from audits import KEY, full, quick, resigned
from miniature import Miniature

from flows.release import audit as auditing
from flows.release.audit import Audit, Verdict
from flows.release.listings import differing_listings, learnt_by
from veribeat.errors import InputError


@pytest.mark.parametrize(
    ("file", "old", "new", "first"),
    [
        (
            "model.pt",
            "weights",
            "other weights",
            "model.pt is not the out/train-baseline/model.pt that dvc.lock records",
        ),
        (
            *("metrics.json", '"f1": 1.125', '"f1": 1.25'),
            "metrics.json is not the out/calibrate-baseline/metrics.json that dvc.lock records",
        ),
        (
            *("provenance.json", '["ingest", "train"]', '["train"]'),
            "card.json rests on the stage 'ingest', which provenance.json does not list",
        ),
        (
            *("provenance.json", '["ingest", "train"]', '["ingest"]'),
            "model.pt rests on the stage 'train', which provenance.json does not list",
        ),
        (
            *("provenance.json", '["ingest", "train"]', '["ingest", "train", "report"]'),
            "provenance.json lists the stage 'report', which dvc.yaml or dvc.lock does not have",
        ),
        (
            *("provenance.json", '"arm": "baseline"', '"arm": "erts"'),
            "records.csv is from no stage: none in dvc.yaml makes out/train-erts/samples.csv",
        ),
        (
            *("dvc.yaml", "      - out/train-baseline/model.pt\n", ""),
            "model.pt is from no stage: none in dvc.yaml makes out/train-baseline/model.pt",
        ),
        (
            *("dvc.lock", "path: out/train-baseline/model.pt", "path: out/train-baseline"),
            "model.pt is from no stage: dvc.lock does not record out/train-baseline/model.pt for 'train'",
        ),
    ],
)
@pytest.mark.parametrize("found_by", [quick, full])
def test_what_dvc_lock_does_not_record_is_named_before_anything_is_run(
    released_copy: Miniature,
    file: str,
    old: str,
    new: str,
    first: str,
    found_by: Callable[..., Audit],
) -> None:
    if '"erts"' in new:
        (released_copy.release / "model.pt").unlink()
        (released_copy.release / "metrics.json").unlink()
    resigned(released_copy, file, old, new)
    found = found_by(released_copy.release if found_by is quick else released_copy)
    assert (found.verdict, found.first_difference) == (Verdict.DIFFERENT, first)
    assert [finding.check for finding in found.findings] == ["signature", "manifest", "copies"]


def test_without_signature_and_key_a_tampered_model_is_found_too(released_copy: Miniature) -> None:
    (released_copy.release / "model.pt").write_text("another one")
    (released_copy.release / "manifest.sig").unlink()
    released_copy.release_again()
    assert quick(released_copy.release, None).verdict is Verdict.DIFFERENT


def test_waveforms_are_compared_where_a_release_has_them(released_copy: Miniature) -> None:
    """Without them nothing is missed; a file that no stage has made is not taken for one."""
    (released_copy.release / "prototypes.h5").write_bytes(b"waveforms")
    released_copy.release_again(KEY)
    found = str(quick(released_copy.release).first_difference)
    assert found == "prototypes.h5 is from no stage: none in dvc.yaml makes out/prototypes/prototypes.h5"


@pytest.mark.parametrize(
    ("file", "old", "new", "first"),
    [
        ("learnt.csv", "100\n", "", "learnt.csv differs: it has 8 rows, and had 7"),
        (
            "records.csv",
            "train,True",
            "train,False",
            "records.csv differs: row 1, learnt, is True, and was False",
        ),
        (
            *("selection_log.csv", "\n2,2,1,3", "\n2,3,0,3"),
            "selection_log.csv differs: row 2, kept, is 2, and was 3",
        ),
        ("selection_log.csv", "ecg_id", '"ecg_id"', "selection_log.csv differs: its spelling"),
    ],
)
def test_a_table_of_records_that_the_outputs_do_not_make_is_named(
    released_copy: Miniature, file: str, old: str, new: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in another environment: outputs to the same bytes make the same table."""
    resigned(released_copy, file, old, new)
    assert quick(released_copy.release).verdict is Verdict.INTACT  # nothing in the release itself tells
    monkeypatch.setattr(auditing, "environment_differences", lambda *_: ["another processor"])
    found = full(released_copy)
    assert (found.verdict, found.first_difference) == (Verdict.DIFFERENT, first)


def test_a_table_of_records_that_is_missing_is_named(released_copy: Miniature) -> None:
    (released_copy.release / "learnt.csv").unlink()
    released_copy.release_again(KEY)
    assert full(released_copy).first_difference == "learnt.csv differs: the release has none"


def test_only_scores_of_the_selection_may_follow_other_outputs(tmp_path: Path) -> None:
    for folder, text in (("old", "ecg_id\n1\n"), ("new", "ecg_id\n2\n")):
        (tmp_path / folder).mkdir()
        for name in ("records.csv", "learnt.csv", "selection_log.csv"):
            (tmp_path / folder / name).write_text(text)

    def following(*changed: str) -> list[str]:
        found = differing_listings(tmp_path / "old", tmp_path / "new", "baseline", changed)
        assert len(found) == 3
        return [listing.name for listing in found if listing.follows]

    assert following() == following("out/train-baseline/model.pt") == []
    assert following("out/train-baseline/samples.csv") == ["selection_log.csv"]
    assert following("out/ingest/signals.npy") == ["records.csv"]
    assert following("out/ingest/records.parquet") == ["records.csv", "learnt.csv", "selection_log.csv"]


@pytest.mark.parametrize("name", ["v1", "..", "../elsewhere"])
def test_a_release_cannot_go_on_from_itself_or_from_elsewhere(released_copy: Miniature, name: str) -> None:
    resigned(released_copy, "params.yaml", "'0001'", f"'{name}'")
    with pytest.raises(InputError, match=f"cannot be trained from the release '{name}'"):
        full(released_copy)


def test_an_ancestor_whose_list_is_damaged_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "releases" / "0001").mkdir(parents=True)
    for text in (None, "id\n1\n", "ecg_id\none\n", ""):
        if text is not None:
            (tmp_path / "releases" / "0001" / "learnt.csv").write_text(text)
        with pytest.raises(InputError, match=r"learnt\.csv.*: restore the release from a backup"):
            learnt_by(tmp_path / "releases" / "0001")
