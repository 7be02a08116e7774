"""`veribeat audit` on a pipeline in miniature: signature, manifest and rerun, and why a release is which."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import miniature
import pytest
from audits import KEY, OTHER, full, quick, resigned
from miniature import Miniature, git

from flows.release import audit as auditing
from flows.release.audit import Verdict, audit
from flows.release.sources import sources_of
from veribeat.errors import InputError

# Signature and manifest


def test_an_untouched_release_is_intact(released: Miniature) -> None:
    found = quick(released.release)
    assert (found.verdict, found.first_difference) == (Verdict.INTACT, None)
    assert "by the key given" in found.findings[0].detail
    assert "nobody vouched for" in quick(released.release, None).findings[0].detail


def test_every_file_that_is_changed_by_a_byte_is_named(released_copy: Miniature) -> None:
    files = sorted(path for path in released_copy.release.rglob("*") if path.is_file())
    assert len(files) > 9
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        found = quick(released_copy.release)
        assert found.verdict is Verdict.DIFFERENT
        assert file.name in str(found.first_difference)
        file.write_bytes(content)
    assert quick(released_copy.release).verdict is Verdict.INTACT


def test_files_missing_and_added_are_named(released_copy: Miniature) -> None:
    (released_copy.release / "card.json").unlink()
    (released_copy.release / "more.txt").write_text("unseen")
    found = [finding.detail for finding in quick(released_copy.release).findings if not finding.kept]
    assert found == ["card.json is missing", "more.txt is added"]


def test_a_new_manifest_over_changed_files_does_not_carry_the_signature(released_copy: Miniature) -> None:
    (released_copy.release / "environment.txt").write_text("numpy==1.0\n")
    released_copy.release_again()
    assert "manifest.sig" in str(quick(released_copy.release).first_difference)
    released_copy.release_again(OTHER)
    assert "manifest.sig" in str(quick(released_copy.release).first_difference)  # signed, by another key
    assert quick(released_copy.release, OTHER).verdict is Verdict.INTACT


def test_a_release_that_should_be_signed_and_is_not_is_different(released_copy: Miniature) -> None:
    (released_copy.release / "manifest.sig").unlink()
    assert "manifest.sig" in str(quick(released_copy.release).first_difference)
    assert "not signed" in quick(released_copy.release, None).findings[0].detail


def test_a_release_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no release"):
        quick(tmp_path / "v2")


def test_a_release_that_was_changed_is_not_run_again(released_copy: Miniature) -> None:
    (released_copy.release / "params.yaml").write_text("rate: 0.2\n")
    found = full(released_copy)
    assert found.first_difference == "params.yaml is changed"
    assert len(found.findings) == 2


# The rerun


def test_a_release_with_links_batches_and_an_ancestor_is_made_again(released: Miniature) -> None:
    found = full(released)
    assert (found.verdict, found.first_difference) == (Verdict.IDENTICAL, None)
    assert [finding.check for finding in found.findings] == [
        *("signature", "manifest", "copies", "commands"),
        *("code and data", "environment", "listings", "outputs"),
    ]
    assert json.loads(found.as_json())["verdict"] == "identical"


def test_a_release_of_the_repository_itself_is_made_again(tmp_path: Path) -> None:
    made = miniature.make(tmp_path, linked=False, key=KEY)
    assert full(made).verdict is Verdict.IDENTICAL
    # Later commits do not matter: the recorded one is checked out.
    (made.code / "train.py").write_text("raise SystemExit(1)")
    git(made.code, "commit", "--quiet", "--all", "--message", "broken")
    assert full(made).verdict is Verdict.IDENTICAL


def test_an_output_that_the_code_does_not_make_is_named_with_its_field(released_copy: Miniature) -> None:
    """Metrics that were made up, in dvc.lock too."""
    true = hashlib.md5((released_copy.release / "metrics.json").read_bytes()).hexdigest()
    resigned(released_copy, "metrics.json", '"f1": 1.125', '"f1": 1.25')
    false = hashlib.md5((released_copy.release / "metrics.json").read_bytes()).hexdigest()
    resigned(released_copy, "dvc.lock", true, false)
    found = full(released_copy)
    assert found.verdict is Verdict.DIFFERENT
    assert found.first_difference == (
        "out/calibrate-baseline/metrics.json differs: test.f1 is 1.125, and was 1.25"
    )


def test_another_processor_may_differ_within_the_tolerance(
    released_copy: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = hashlib.md5((released_copy.release / "metrics.json").read_bytes()).hexdigest()
    resigned(released_copy, "metrics.json", '"f1": 1.125', '"f1": 1.128')
    false = hashlib.md5((released_copy.release / "metrics.json").read_bytes()).hexdigest()
    resigned(released_copy, "dvc.lock", true, false)
    monkeypatch.setattr(auditing, "environment_differences", lambda *_: ["another processor"])
    found = full(released_copy)
    assert found.verdict is Verdict.EQUIVALENT
    assert found.findings[-1].detail == "test.f1 changes most, by 0.003 (tolerance 0.01)"
    assert full(released_copy, tolerance=0.001).verdict is Verdict.DIFFERENT


def test_a_command_that_the_code_does_not_write_is_not_executed(
    released_copy: Miniature, tmp_path: Path
) -> None:
    resigned(released_copy, "dvc.yaml", "cmd: python", f"cmd: touch {tmp_path}/executed && python")
    found = full(released_copy)
    assert (found.verdict, found.first_difference) == (
        Verdict.DIFFERENT,
        "dvc.yaml is not what the code writes of params.yaml",
    )
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("path: 0002-b", "path: ../typer.py"),
        ("outs:", "wdir: ..\nouts:"),
        ("outs:", "deps:\n- path: x\n  repo: {url: elsewhere}\nouts:"),
        ("path: 0002-b", "path: 0002-b\n  remote: elsewhere"),
    ],
)
def test_a_batch_that_would_go_elsewhere_is_not_pulled(released_copy: Miniature, old: str, new: str) -> None:
    resigned(released_copy, "batches/0002-b.dvc", old, new)
    with pytest.raises(InputError, match=r"^0002-b\.dvc of the release is not what 'dvc add' writes"):
        full(released_copy)


def test_changed_data_are_named(
    released_copy: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    miniature.write_cohort(tmp_path / "other", rows=6)
    monkeypatch.setattr(auditing, "changed_records", lambda *_: ["record 7: its samples differ"])
    found = full(released_copy, data=tmp_path / "other")
    assert found.verdict is Verdict.DIFFERENT
    assert found.first_difference == (
        "not as recorded: cohort/ptbxl_database.csv; record 7: its samples differ"
    )


def test_changed_code_is_named(released_copy: Miniature) -> None:
    """A dvc.lock that was not made by the commit that the release names."""
    file = released_copy.release / "dvc.lock"
    file.write_text(
        re.sub(r"(code/train\.py\n *hash: md5\n *md5: )\w+", rf"\g<1>{'a' * 32}", file.read_text())
    )
    released_copy.release_again(KEY)
    assert full(released_copy).first_difference == "not as recorded: code/train.py"


@pytest.mark.parametrize("ending", [".dir", ""])
def test_a_data_file_that_the_remote_lacks_is_named(
    released_copy: Miniature, tmp_path: Path, ending: str
) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(released_copy.code.parent / "remote", remote)
    (one,) = [path for path in remote.rglob("*") if path.is_file() and path.suffix == ending]
    one.unlink()
    with pytest.raises(
        InputError, match=f"lacks data of the batch 0002-b, the file with MD5 .*{one.name}: run"
    ):
        full(released_copy, remote=remote)


def test_what_cannot_be_had_is_one_sentence(released_copy: Miniature, tmp_path: Path) -> None:
    (released_copy.workspace / "cohort").unlink()
    with pytest.raises(InputError, match="name one with --data"):
        full(released_copy)
    git(tmp_path, "init", "--quiet", "empty")
    sources = sources_of(released_copy.release, str(tmp_path / "empty"), released_copy.code, None)
    with pytest.raises(InputError, match="has no commit"):
        audit(released_copy.release, None, (sources, None), 0.01, print)
    shutil.rmtree(released_copy.release.parent / "0001")
    with pytest.raises(InputError, match="was trained from release 0001: put that one beside it"):
        full(released_copy, data=released_copy.code.parent / "cohort")


@pytest.mark.parametrize(
    ("old", "new"), [('"dirty": false', '"dirty": true'), ('"commit": "', '"commit": null, "x": "')]
)
def test_code_that_nobody_can_get_is_said_so(released_copy: Miniature, old: str, new: str) -> None:
    resigned(released_copy, "provenance.json", old, new)
    with pytest.raises(InputError, match="cannot be made again; --quick still works"):
        full(released_copy)
