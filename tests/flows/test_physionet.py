"""Downloading PTB-XL from a server of this machine: what heals, what goes on, and what the user sees."""

import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from checkout import REPOSITORY
from command_line import call
from downloads import PATIENCE, RECORD, content, download
from file_server import (
    Fault,
    FileServer,
    cut_short,
    drops,
    folder_content,
    hangs,
    ignores_range,
    listing,
    redirects,
    serving,
    status,
    wrong_bytes,
    wrong_range,
)
from rich.console import Console

from flows.physionet import progress
from flows.physionet.server import Patience, _retry_after_s
from flows.workspace import create_workspace
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.errors import InputError


def scratch_of(folder: Path) -> Path:
    target = folder / RECORD
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f".{target.name}.partial")


def test_a_downloaded_cohort_is_the_servers_and_makes_a_workspace(
    server: FileServer, folder: Path, tmp_path: Path
) -> None:
    original = tmp_path / "original"
    original.mkdir()
    simulate(original, SimulateParams(records=20, seed=5, corrupted_share=0.0))
    server.files = folder_content(original)
    done = download(server, folder)
    assert (done.fetched, done.found, done.missing) == (43, 0, 0)
    assert content(folder) == server.files
    assert create_workspace(tmp_path / "w", folder).params().cohort.source == "simulated_folder"


def test_what_is_there_is_not_fetched_again_and_what_is_damaged_is(server: FileServer, folder: Path) -> None:
    download(server, folder)
    (folder / RECORD).write_bytes(server.files[RECORD][:-1] + b"?")
    (folder / "scp_statements.csv").unlink()
    server.requests.clear()
    done = download(server, folder)
    assert (done.fetched, done.found) == (2, len(server.files) - 3)
    assert {path for path, _ in server.requests} == {"SHA256SUMS.txt", RECORD, "scp_statements.csv"}
    assert content(folder) == server.files


def test_each_rate_has_its_own_records(
    server: FileServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = {"records500/00000/00001_hr.dat": b"fast", "records500/00000/00001_hr.hea": b""}
    files = {path: bytes_ for path, bytes_ in server.files.items() if path != "SHA256SUMS.txt"} | fast
    server.files = {**files, "SHA256SUMS.txt": listing(files, " *")}
    assert call("data", "ptbxl", str(folder), "--url", server.url, "--rate", "500") == 0
    assert not (folder / "records100").exists()
    assert "add them with --rate 100" in capsys.readouterr().out
    assert call("data", "ptbxl", str(folder), "--url", server.url, "--rate", "both") == 0
    assert content(folder) == server.files
    assert f"Next: veribeat init WORKSPACE --data {folder}" in capsys.readouterr().out


HEALING = {
    "503": status(503),
    "429": status(429, Retry_After="0"),
    "drops": drops,
    "cut short": cut_short(100),
    "hangs": hangs,
    "wrong bytes": wrong_bytes,
}
CASES = [("SHA256SUMS.txt", name) for name in HEALING if name != "wrong bytes"]  # nothing tells of those
CASES += [(RECORD, name) for name in HEALING]


@pytest.mark.parametrize(("path", "fault"), CASES)
def test_what_may_heal_is_tried_again(server: FileServer, folder: Path, path: str, fault: str) -> None:
    server.faults[path] = [HEALING[fault]]
    download(server, folder)
    assert content(folder) == server.files
    assert len(server.asked(path)) == 2


@pytest.mark.parametrize(
    ("second", "ranges"),
    [
        (None, [None, "bytes=100-"]),
        (ignores_range, [None, "bytes=100-"]),
        (wrong_bytes, [None, "bytes=100-", None]),
        (wrong_range, [None, "bytes=100-", None]),
        (status(416), [None, "bytes=100-", None]),
    ],
    ids=["answers Range", "ignores Range", "wrong bytes", "wrong range", "refuses Range"],
)
def test_a_cut_file_goes_on_or_starts_again(
    server: FileServer, folder: Path, second: Fault | None, ranges: list[str | None]
) -> None:
    server.faults[RECORD] = [cut_short(100), *([second] if second else [])]
    download(server, folder)
    assert server.asked(RECORD) == ranges
    assert content(folder) == server.files


@pytest.mark.parametrize(
    ("left", "ranges"),
    [
        (lambda whole: whole[:500], ["bytes=500-"]),
        (lambda whole: b"?" * 500, ["bytes=500-", None]),  # of an earlier version
        (lambda whole: whole + b"more", ["bytes=24004-", None]),
        (lambda whole: whole, []),
        (lambda whole: b"?" * 2**21, [None]),
    ],
    ids=["start", "other bytes", "too long", "whole", "absurd"],
)
def test_scratch_of_a_killed_download_is_used_where_it_is_right(
    server: FileServer, folder: Path, left: Callable[[bytes], bytes], ranges: list[str | None]
) -> None:
    scratch_of(folder).write_bytes(left(server.files[RECORD]))
    download(server, folder)
    assert server.asked(RECORD) == ranges
    assert content(folder) == server.files


def test_a_part_that_came_is_kept_for_the_next_download(server: FileServer, folder: Path) -> None:
    server.faults[RECORD] = [cut_short(100), hangs, hangs]
    with pytest.raises(InputError, match="does not answer in time"):
        download(server, folder)
    assert scratch_of(folder).read_bytes() == server.files[RECORD][:100]
    server.requests.clear()
    assert download(server, folder).fetched == 1
    assert server.asked(RECORD) == ["bytes=100-"]
    assert content(folder) == server.files


def test_a_scratch_file_that_cannot_be_ours_is_not_gone_on_with(server: FileServer, folder: Path) -> None:
    scratch_of(folder).write_bytes(b"x" * (2**20 + 1))
    whole = {"Content-Range": f"bytes 0-23999/{len(server.files[RECORD])}"}
    server.always[RECORD] = lambda handler, bytes_: handler.answer(206, bytes_, whole)
    download(server, folder)
    assert server.asked(RECORD) == [None]
    assert content(folder) == server.files


def test_redirects_are_followed(server: FileServer, folder: Path) -> None:
    with serving(server.files) as other:
        server.always = {path: redirects(f"{other.url}{path}") for path in server.files}
        download(server, folder)
        assert len(other.requests) == len(server.files)
    assert content(folder) == server.files


def test_waits_double_up_to_a_limit_and_follow_the_server() -> None:
    patience = Patience(first_delay_s=1.0, longest_delay_s=20.0)
    assert [patience.delay_s(failures) for failures in range(1, 7)] == [1, 2, 4, 8, 16, 20]
    assert [patience.delay_s(1, asked) for asked in (0.0, 7.0, 1e9)] == [1, 7, 20]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("", 0), ("soon", 0), ("-3", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("9" * 5000, 0)],
)
def test_retry_after_is_a_number_a_date_or_nothing(text: str, seconds: float) -> None:
    assert _retry_after_s(httpx.Response(429, headers={"Retry-After": text})) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    moment = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert 50 < _retry_after_s(httpx.Response(503, headers={"Retry-After": moment})) <= 60


def test_a_server_that_asks_for_a_pause_gets_it(server: FileServer, folder: Path) -> None:
    server.faults[RECORD] = [status(429, Retry_After="1")]
    start = time.monotonic()
    download(server, folder, patience=replace(PATIENCE, longest_delay_s=5.0))
    assert time.monotonic() - start >= 1
    assert content(folder) == server.files


def test_ctrl_c_ends_at_once_and_the_next_download_goes_on(server: FileServer, folder: Path) -> None:
    server.always[RECORD] = hangs
    command = [sys.executable, "-m", "flows", "data", "ptbxl", str(folder), "--url", server.url]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not all((folder / path).is_file() for path in server.files if path != RECORD):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the other files never came"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "the same command goes on where this run stopped" in error
    assert "Traceback" not in error
    server.always.clear()
    server.requests.clear()
    assert download(server, folder).fetched == 1
    assert {path for path, _ in server.requests} == {"SHA256SUMS.txt", RECORD}
    assert content(folder) == server.files


def test_without_a_terminal_there_are_lines(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    server.faults[RECORD] = [status(503), status(503)]
    text = io.StringIO()
    download(server, folder, console=Console(file=text, width=40))
    lines = text.getvalue().splitlines()
    assert len(lines) == 9 + 1
    assert f"{RECORD}: the server answers 503 Service Unavailable; next attempt in 0 s." in lines
    assert lines[-1].startswith("9 of 9 files, ")
    assert lines[-1].endswith(" KiB, 0 s left")


def test_on_a_terminal_there_is_a_bar(server: FileServer, folder: Path) -> None:
    text = io.StringIO()
    download(server, folder, console=Console(file=text, width=120, force_terminal=True))
    assert "9/9" in text.getvalue()
    assert "files, " in text.getvalue()
