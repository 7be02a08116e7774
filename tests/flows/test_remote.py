"""DVC's remote and cache in a workspace: what is pushed comes back, and what is unused is what DVC would remove."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import REPOSITORY
from command_line import call
from ruamel.yaml import YAML

from flows.process import environment
from flows.remote import CacheUse, cache_use, check_outputs, push, remote_url
from flows.status import describe_cache
from flows.workspace import Workspace, create_workspace
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.errors import InputError


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "cohort"
    folder.mkdir()
    simulate(folder, SimulateParams(records=40, seed=5, corrupted_share=0.0))
    return folder


@pytest.fixture(scope="module")
def split(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which the quick stages have run; not to be changed."""
    place = create_workspace(tmp_path_factory.mktemp("split") / "w", cohort)
    dvc(place, "repro", "split")
    return place


@pytest.fixture
def place(split: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it, with a remote beside it that is not there yet."""
    return Workspace.at(shutil.copytree(split.path, tmp_path / "w", symlinks=True))


def dvc(place: Workspace, *arguments: str) -> str:
    done = subprocess.run(
        ["dvc", *arguments],
        cwd=place.path,
        env=environment(),
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def outputs(place: Workspace) -> dict[str, bytes]:
    files = (path for path in (place.path / "out").rglob("*") if path.is_file())
    return {path.relative_to(place.path).as_posix(): path.read_bytes() for path in files}


def test_a_new_workspace_has_a_remote_beside_it(split: Workspace) -> None:
    beside = split.path.with_name("w-remote")
    assert remote_url(split) == str(beside)
    assert not beside.exists()
    assert str(beside.parent) not in (split.path / ".dvc/config").read_text()


def test_a_remote_elsewhere_is_found_from_where_the_user_is(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("init", "deep/w", "--data", str(cohort), "--remote", "backup") == 0
    assert remote_url(Workspace.at(Path("deep/w"))) == str(tmp_path / "backup")


@pytest.mark.parametrize(
    ("remote", "words"),
    [
        ("{tmp}/file", "is not a folder"),
        (" ", "has no name"),
        ("{cohort}/remote", "lies inside"),
        ("{tmp}/w/remote", "lies inside"),
        ("gopher://host/folder", "Unsupported URL type gopher://"),
    ],
)
def test_a_remote_that_cannot_be_one_is_refused(
    cohort: Path, tmp_path: Path, remote: str, words: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=words):
        create_workspace(tmp_path / "w", cohort, remote=remote.format(tmp=tmp_path, cohort=cohort))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_repository_has_no_remote() -> None:
    config = (REPOSITORY / ".dvc/config").read_text()
    assert "remote" not in config


def test_what_is_pushed_comes_back_byte_by_byte(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    before = outputs(place)
    assert len(before) == 8
    assert call("push", "--workspace", str(place.path)) == 0
    assert capsys.readouterr().out.startswith(f"8 files pushed to {place.path}-remote, ")
    assert call("push", "--workspace", str(place.path)) == 0
    assert capsys.readouterr().out.startswith("0 files pushed")
    first, *_, last = sorted(path for path in Path(f"{place.path}-remote").rglob("*") if path.is_file())
    first.unlink()
    last.unlink()
    assert push(place)[0] == 2
    shutil.rmtree(place.path / ".dvc/cache")
    shutil.rmtree(place.path / "out")
    dvc(place, "pull", "--allow-missing")  # of the stages that have not run there is nothing
    assert outputs(place) == before
    assert "Running stage" not in dvc(place, "repro", "split")


def test_outputs_of_an_earlier_state_are_fetched_or_missed(place: Workspace, tmp_path: Path) -> None:
    state, stages = tmp_path / "state", ["ingest", "split", "of-no-interest"]
    state.mkdir()
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copyfile(place.path / name, state / name)
    before = outputs(place)
    cached = {path.name for path in objects(place)}
    check_outputs(place, state, stages)  # all of it is in the cache; there is no remote yet
    push(place)
    shutil.rmtree(place.path / ".dvc/cache")
    (place.path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")  # the present state needs nothing
    check_outputs(place, state, stages)
    assert {path.name for path in objects(place)} == cached
    assert outputs(place) == before
    shutil.rmtree(place.path / ".dvc/cache")
    shutil.rmtree(f"{place.path}-remote")
    words = r"8 of the outputs that .*state/dvc\.lock names are not in DVC's cache, and not to be had from .*w-remote"
    with pytest.raises(InputError, match=words):
        check_outputs(place, state, stages)
    config = place.path / ".dvc/config"
    config.write_text(config.read_text().replace("remote = storage", ""))
    with pytest.raises(InputError, match="and the workspace has no remote: add the remote"):
        check_outputs(place, state, stages)
    check_outputs(place, state, ["of-no-interest"])


def test_push_names_what_stands_in_its_way(place: Workspace) -> None:
    Path(f"{place.path}-remote").touch()
    with pytest.raises(InputError, match=r"w-remote failed .*Not a directory.*check that it can be reached"):
        push(place)
    config = place.path / ".dvc/config"
    config.write_text(config.read_text().replace("../../w-remote", "http://127.0.0.1:9/closed"))
    with pytest.raises(InputError, match=r"closed failed .*Cannot connect to host"):
        push(place)
    config.write_text(config.read_text().replace("remote = storage", ""))
    with pytest.raises(InputError, match="has no DVC remote: add one there with 'dvc remote add --default"):
        push(place)


def test_push_tells_of_files_that_are_nowhere(place: Workspace) -> None:
    (lost,) = (path for path in objects(place) if path.read_bytes() == outputs(place)["out/split/unused.csv"])
    lost.unlink()
    with pytest.raises(InputError, match=r"1 of the files that dvc\.lock names are neither in the cache nor"):
        push(place)
    assert "Running stage 'split'" in dvc(place, "repro", "split")
    assert push(place)[0] == 1


def test_push_needs_results_and_their_stages(place: Workspace) -> None:
    pipeline = place.path / "dvc.yaml"
    pipeline.unlink()  # DVC then knows of no stage, and says that everything is up to date
    with pytest.raises(InputError, match=r"none of the stages that dvc\.lock names: run 'veribeat dvc-yaml'"):
        push(place)
    place.write_dvc_yaml()
    assert push(place)[0] == 8
    (place.path / "dvc.lock").unlink()
    with pytest.raises(InputError, match="has no results yet: run 'veribeat run'"):
        push(place)


def objects(place: Workspace) -> list[Path]:
    return [path for path in (place.path / ".dvc/cache/files/md5").rglob("*") if path.is_file()]


def test_unused_is_what_garbage_collection_removes_and_nothing_runs_again_after_it(place: Workspace) -> None:
    size = sum(path.stat().st_size for path in objects(place))
    assert cache_use(place) == CacheUse(8, size, (0, 0))
    place.set_params(["split.test=[10]"])
    assert "Running stage 'split'" in dvc(place, "repro", "split")
    use = cache_use(place)
    assert use.files == len(objects(place))
    assert use.unused is not None
    files, unused_size = use.unused
    assert files > 0
    assert dvc(place, "gc", "--workspace", "--dry").count("Removing ") == files
    dvc(place, "gc", "--workspace", "--force")
    assert cache_use(place) == CacheUse(use.files - files, use.size - unused_size, (0, 0))
    assert "Running stage" not in dvc(place, "repro", "split")


def test_batches_are_in_use(place: Workspace) -> None:
    """As `dvc gc --workspace` sees it: what `dvc add` tracks is no output of a stage."""
    batch = place.path / "batches" / "0002-b"
    batch.mkdir(parents=True)
    (batch / "a record").write_text("samples")
    before = cache_use(place)
    dvc(place, "add", "batches/0002-b")
    use = cache_use(place)
    assert use.files == before.files + 2
    assert use.unused == (0, 0)
    assert "Removing " not in dvc(place, "gc", "--workspace", "--dry")


def test_status_shows_cache_and_remote(place: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("status", "--workspace", str(place.path)) == 0
    output = capsys.readouterr().out
    assert re.search(r"^cache: 8 files, [\d.]+ KiB, all of them in use$", output, re.M)
    assert f"remote: {place.path}-remote\n" in output


@pytest.mark.parametrize(
    ("unused", "text"),
    [
        (None, "1,200 files, 3.0 MiB"),
        ((0, 0), "1,200 files, 3.0 MiB, all of them in use"),
        (
            (7, 2048),
            "1,200 files, 3.0 MiB; 7 files, 2.0 KiB, not in use ('dvc gc --workspace' removes them)",
        ),
    ],
)
def test_the_cache_in_one_line(unused: tuple[int, int] | None, text: str) -> None:
    assert describe_cache(CacheUse(1200, 3 * 2**20, unused)) == text


def test_an_empty_cache_is_not_in_use() -> None:
    assert describe_cache(CacheUse(0, 0, (0, 0))) == "0 files, 0 bytes"


def fabricated(path: Path) -> Workspace:
    """A workspace whose only stage has a folder of two files, one removed stage, and a file that nobody knows."""
    cache = path / ".dvc/cache/files/md5"

    def stored(content: bytes, suffix: str = "") -> str:
        md5 = hashlib.md5(content).hexdigest() + suffix
        file = cache / md5[:2] / md5[2:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return md5

    files = [{"md5": stored(name.encode()), "relpath": name} for name in ("a", "b")]
    folder = stored(json.dumps(files).encode(), ".dir")
    stage = {"cmd": "x", "outs": [{"path": "out/a", "md5": folder}]}
    removed = {"cmd": "y", "outs": [{"path": "out/b", "md5": stored(b"1234567")}]}
    stored(b"12345")
    (cache / "00").mkdir(exist_ok=True)
    (cache / "00" / "tmpscratch").write_bytes(b"x")
    YAML().dump({"stages": {"a": stage, "removed": removed}}, path / "dvc.lock")
    YAML().dump({"stages": {"a": {"cmd": "x", "outs": ["out/a"]}}}, path / "dvc.yaml")
    (path / "params.yaml").touch()
    return Workspace.at(path)


def test_files_of_a_folder_are_used_and_those_of_a_removed_stage_are_not(tmp_path: Path) -> None:
    place = fabricated(tmp_path)
    use = cache_use(place)
    listing = use.size - 1 - 1 - 7 - 5
    assert use == CacheUse(5, 14 + listing, (2, 12))
    (place.path / "dvc.lock").unlink()
    assert cache_use(place).unused == (5, use.size)


def test_where_unused_cannot_be_told_it_is_not(tmp_path: Path) -> None:
    place = fabricated(tmp_path / "w")
    shutil.copytree(place.path / ".dvc/cache", tmp_path / "shared")
    (listing,) = place.path.rglob("*.dir")
    listing.unlink()
    assert cache_use(place).unused is None
    (place.path / ".dvc/config").write_text("[cache]\n    dir = ../../shared\n")
    use = cache_use(place)
    assert (use.files, use.unused) == (5, None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ssh://user:sec:r@t@host:22/folder", "ssh://user@host:22/folder"),
        ("https://user@host/folder", "https://user@host/folder"),
        ("https://host:443/a:b@c", "https://host:443/a:b@c"),
    ],
)
def test_the_password_of_a_remote_is_not_shown(tmp_path: Path, url: str, shown: str) -> None:
    place = fabricated(tmp_path)
    (place.path / ".dvc/config").write_text(f"[core]\n    remote = r\n['remote \"r\"']\n    url = {url}\n")
    assert remote_url(place) == shown


def test_a_damaged_configuration_is_one_sentence(tmp_path: Path) -> None:
    place = fabricated(tmp_path)
    assert remote_url(place) is None
    (place.path / ".dvc/config").write_text("[core\n")
    with pytest.raises(InputError, match=r"\.dvc/config is damaged"):
        remote_url(place)
