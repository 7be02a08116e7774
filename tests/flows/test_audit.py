"""`veribeat audit` on a pipeline in miniature: what is found intact, identical, equivalent or different, and why."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import miniature
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from miniature import Miniature, git

from flows.release import audit as auditing
from flows.release.audit import Audit, Verdict, audit, largest_change
from flows.release.comparison import first_difference
from flows.release.listings import differing_listings, learnt_by
from flows.release.sources import sources_of
from veribeat.errors import InputError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """With code, data and remote apart; not to be changed."""
    return miniature.make(tmp_path_factory.mktemp("linked"), linked=True, key=KEY)


@pytest.fixture
def copied(made: Miniature, tmp_path: Path) -> Miniature:
    """The same to be changed. Its links lead to the code and the data of the first one."""
    folder = tmp_path / "copy"
    shutil.copytree(made.workspace, folder, symlinks=True)
    return Miniature(made.code, folder, folder / "releases" / made.release.name)


def quick(release: Path, key: Ed25519PrivateKey | None = KEY) -> Audit:
    return audit(release, None if key is None else key.public_key(), None, 0.01, print)


def full(
    made: Miniature, tolerance: float = 0.01, data: Path | None = None, remote: Path | None = None
) -> Audit:
    sources = sources_of(made.release, str(made.code), data, None if remote is None else str(remote))
    return audit(made.release, KEY.public_key(), (sources, None), tolerance, print)


# Signature and manifest


def test_an_untouched_release_is_intact(made: Miniature) -> None:
    found = quick(made.release)
    assert (found.verdict, found.first_difference) == (Verdict.INTACT, None)
    assert "by the key given" in found.findings[0].detail
    assert "nobody vouched for" in quick(made.release, None).findings[0].detail


def test_every_file_that_is_changed_by_a_byte_is_named(copied: Miniature) -> None:
    files = sorted(path for path in copied.release.rglob("*") if path.is_file())
    assert len(files) > 9
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        found = quick(copied.release)
        assert found.verdict is Verdict.DIFFERENT
        assert file.name in str(found.first_difference)
        file.write_bytes(content)
    assert quick(copied.release).verdict is Verdict.INTACT


def test_files_missing_and_added_are_named(copied: Miniature) -> None:
    (copied.release / "card.json").unlink()
    (copied.release / "more.txt").write_text("unseen")
    found = [finding.detail for finding in quick(copied.release).findings if not finding.kept]
    assert found == ["card.json is missing", "more.txt is added"]


def test_a_new_manifest_over_changed_files_does_not_carry_the_signature(copied: Miniature) -> None:
    (copied.release / "environment.txt").write_text("numpy==1.0\n")
    copied.release_again()
    assert "manifest.sig" in str(quick(copied.release).first_difference)
    copied.release_again(OTHER)
    assert "manifest.sig" in str(quick(copied.release).first_difference)  # signed, by another key
    assert quick(copied.release, OTHER).verdict is Verdict.INTACT


def test_a_release_that_should_be_signed_and_is_not_is_different(copied: Miniature) -> None:
    (copied.release / "manifest.sig").unlink()
    assert "manifest.sig" in str(quick(copied.release).first_difference)
    assert "not signed" in quick(copied.release, None).findings[0].detail


def test_a_release_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no release"):
        quick(tmp_path / "v2")


def test_a_release_that_was_changed_is_not_run_again(copied: Miniature) -> None:
    (copied.release / "params.yaml").write_text("rate: 0.2\n")
    found = full(copied)
    assert found.first_difference == "params.yaml is changed"
    assert len(found.findings) == 2


# The rerun


def test_a_release_with_links_batches_and_an_ancestor_is_made_again(made: Miniature) -> None:
    found = full(made)
    assert (found.verdict, found.first_difference) == (Verdict.IDENTICAL, None)
    assert [finding.check for finding in found.findings] == [
        *("signature", "manifest", "copies", "code and data", "environment", "listings", "outputs")
    ]
    assert json.loads(found.as_json())["verdict"] == "identical"


def test_a_release_of_the_repository_itself_is_made_again(tmp_path: Path) -> None:
    made = miniature.make(tmp_path, linked=False, key=KEY)
    assert full(made).verdict is Verdict.IDENTICAL
    # Later commits do not matter: the recorded one is checked out.
    (made.code / "train.py").write_text("raise SystemExit(1)")
    git(made.code, "commit", "--quiet", "--all", "--message", "broken")
    assert full(made).verdict is Verdict.IDENTICAL


def resigned(made: Miniature, file: str, old: str, new: str) -> None:
    """Change a release as somebody with the key could."""
    path = made.release / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    made.release_again(KEY)


def test_an_output_that_the_code_does_not_make_is_named_with_its_field(copied: Miniature) -> None:
    """Metrics that were made up, in dvc.lock too."""
    true = hashlib.md5((copied.release / "metrics.json").read_bytes()).hexdigest()
    resigned(copied, "metrics.json", '"f1": 1.125', '"f1": 1.25')
    false = hashlib.md5((copied.release / "metrics.json").read_bytes()).hexdigest()
    resigned(copied, "dvc.lock", true, false)
    found = full(copied)
    assert found.verdict is Verdict.DIFFERENT
    assert found.first_difference == (
        "out/calibrate-baseline/metrics.json differs: test.f1 is 1.125, and was 1.25"
    )


def test_another_processor_may_differ_within_the_tolerance(
    copied: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = hashlib.md5((copied.release / "metrics.json").read_bytes()).hexdigest()
    resigned(copied, "metrics.json", '"f1": 1.125', '"f1": 1.128')
    false = hashlib.md5((copied.release / "metrics.json").read_bytes()).hexdigest()
    resigned(copied, "dvc.lock", true, false)
    monkeypatch.setattr(auditing, "environment_differences", lambda *_: ["another processor"])
    found = full(copied)
    assert found.verdict is Verdict.EQUIVALENT
    assert found.findings[-1].detail == "test.f1 changes most, by 0.003 (tolerance 0.01)"
    assert full(copied, tolerance=0.001).verdict is Verdict.DIFFERENT


def test_changed_data_are_named(copied: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    miniature.write_cohort(tmp_path / "other", rows=6)
    monkeypatch.setattr(auditing, "changed_records", lambda *_: ["record 7: its samples differ"])
    found = full(copied, data=tmp_path / "other")
    assert found.verdict is Verdict.DIFFERENT
    assert found.first_difference == (
        "not as recorded: cohort/ptbxl_database.csv; record 7: its samples differ"
    )


def test_changed_code_is_named(copied: Miniature) -> None:
    """A dvc.lock that was not made by the commit that the release names."""
    file = copied.release / "dvc.lock"
    file.write_text(
        re.sub(r"(code/train\.py\n *hash: md5\n *md5: )\w+", rf"\g<1>{'a' * 32}", file.read_text())
    )
    copied.release_again(KEY)
    assert full(copied).first_difference == "not as recorded: code/train.py"


@pytest.mark.parametrize("ending", [".dir", ""])
def test_a_data_file_that_the_remote_lacks_is_named(copied: Miniature, tmp_path: Path, ending: str) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(copied.code.parent / "remote", remote)
    (one,) = [path for path in remote.rglob("*") if path.is_file() and path.suffix == ending]
    one.unlink()
    with pytest.raises(
        InputError, match=f"lacks data of the batch 0002-b, the file with MD5 .*{one.name}: run"
    ):
        full(copied, remote=remote)


def test_what_cannot_be_had_is_one_sentence(copied: Miniature, tmp_path: Path) -> None:
    (copied.workspace / "cohort").unlink()
    with pytest.raises(InputError, match="name one with --data"):
        full(copied)
    git(tmp_path, "init", "--quiet", "empty")
    sources = sources_of(copied.release, str(tmp_path / "empty"), copied.code, None)
    with pytest.raises(InputError, match="has no commit"):
        audit(copied.release, None, (sources, None), 0.01, print)
    shutil.rmtree(copied.release.parent / "0001")
    with pytest.raises(InputError, match="was trained from release 0001: put that one beside it"):
        full(copied, data=copied.code.parent / "cohort")


@pytest.mark.parametrize(
    ("old", "new"), [('"dirty": false', '"dirty": true'), ('"commit": "', '"commit": null, "x": "')]
)
def test_code_that_nobody_can_get_is_said_so(copied: Miniature, old: str, new: str) -> None:
    resigned(copied, "provenance.json", old, new)
    with pytest.raises(InputError, match="cannot be made again; --quick still works"):
        full(copied)


# What people use of it, changed together with the manifest


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
    copied: Miniature,
    file: str,
    old: str,
    new: str,
    first: str,
    found_by: Callable[..., Audit],
) -> None:
    if '"erts"' in new:
        (copied.release / "model.pt").unlink()
        (copied.release / "metrics.json").unlink()
    resigned(copied, file, old, new)
    found = found_by(copied.release if found_by is quick else copied)
    assert (found.verdict, found.first_difference) == (Verdict.DIFFERENT, first)
    assert [finding.check for finding in found.findings] == ["signature", "manifest", "copies"]


def test_without_signature_and_key_a_tampered_model_is_found_too(copied: Miniature) -> None:
    (copied.release / "model.pt").write_text("another one")
    (copied.release / "manifest.sig").unlink()
    copied.release_again()
    assert quick(copied.release, None).verdict is Verdict.DIFFERENT


def test_waveforms_are_compared_where_a_release_has_them(copied: Miniature) -> None:
    """Without them nothing is missed; a file that no stage has made is not taken for one."""
    (copied.release / "prototypes.h5").write_bytes(b"waveforms")
    copied.release_again(KEY)
    found = str(quick(copied.release).first_difference)
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
    copied: Miniature, file: str, old: str, new: str, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in another environment: outputs to the same bytes make the same table."""
    resigned(copied, file, old, new)
    assert quick(copied.release).verdict is Verdict.INTACT  # nothing in the release itself tells
    monkeypatch.setattr(auditing, "environment_differences", lambda *_: ["another processor"])
    found = full(copied)
    assert (found.verdict, found.first_difference) == (Verdict.DIFFERENT, first)


def test_a_table_of_records_that_is_missing_is_named(copied: Miniature) -> None:
    (copied.release / "learnt.csv").unlink()
    copied.release_again(KEY)
    assert full(copied).first_difference == "learnt.csv differs: the release has none"


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
def test_a_release_cannot_go_on_from_itself_or_from_elsewhere(copied: Miniature, name: str) -> None:
    resigned(copied, "params.yaml", "'0001'", f"'{name}'")
    with pytest.raises(InputError, match=f"cannot be trained from the release '{name}'"):
        full(copied)


def test_an_ancestor_whose_list_is_damaged_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "releases" / "0001").mkdir(parents=True)
    for text in (None, "id\n1\n", "ecg_id\none\n", ""):
        if text is not None:
            (tmp_path / "releases" / "0001" / "learnt.csv").write_text(text)
        with pytest.raises(InputError, match=r"learnt\.csv.*: restore the release from a backup"):
            learnt_by(tmp_path / "releases" / "0001")


# Where two files differ


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("a.json", '{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}', "a.b[1] is 3, and was 2"),
        ("a.json", '{"a": 1}', '{"a": 1, "c": "x"}', "c is x, and was null"),
        ("a.json", "[1]", "[1, 2]", "all of it is [1, 2], and was [1]"),
        ("a.json", '{"a": 1}', '{"a":1}', "its spelling"),
        ("a.csv", "x,y\n1,2\n", "x,y\n1,3\n", "row 1, y, is 3, and was 2"),
        ("a.csv", "x,y\n1,2\n", "x,y\n1,2\n3,4\n", "it has 2 rows, and had 1"),
        ("a.csv", "x,y\n1,2\n", 'x,y\n1,"2"\n', "its spelling"),
        ("a.csv", "x,y\n1\n", "x,y\n1,2\n", "row 1, y, is 2, and was null"),
        ("a.csv", "x,y\n\n", "x,y\n1,2\n", "row 1, x, is 1, and was null"),
        ("a.csv", "", "x,y\n1,2\n", "it has 1 rows, and had 0"),
        ("a.json", "{", "{}", "its bytes; one of the two is damaged"),
        ("a.pt", "x", "y", "its bytes"),
    ],
)
def test_the_first_difference_is_a_field(
    tmp_path: Path, name: str, before: str, after: str, expected: str
) -> None:
    for folder, text in (("old", before), ("new", after)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    assert first_difference(tmp_path / "old" / name, tmp_path / "new" / name) == expected


def test_without_a_copy_or_a_new_file_there_is_no_field(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert first_difference(None, tmp_path / "a") == "its bytes; the release has no copy of it"
    assert first_difference(tmp_path / "a", tmp_path / "b") == "it was not made again"


def test_the_largest_change_is_found_wherever_it_is() -> None:
    before = {"test": {"f1": 0.5, "n": 3}, "name": "x"}
    assert largest_change(before, {"test": {"f1": 0.4, "n": 3}, "name": "x"}) == (
        "test.f1",
        pytest.approx(0.1),
    )
    assert largest_change(before, {"test": {"f1": 0.5}, "name": "x"}) == ("test.n", float("inf"))
    assert largest_change(before, before)[1] == 0.0
