"""Downloads that fail: one sentence, whole files and scratch, and nothing outside the folder."""

import fcntl
import resource
from pathlib import Path

import httpx
import pytest
from command_line import call
from downloads import RECORD, content, download
from file_server import (
    Fault,
    FileServer,
    Handler,
    announces,
    drops,
    hangs,
    listing,
    never_ends,
    redirects,
    status,
    wrong_bytes,
)

from flows.physionet.server import TransferError, _check_redirect
from veribeat.errors import InputError


@pytest.mark.parametrize(
    ("fault", "requests", "words"),
    [
        (status(404), 1, "the server answers 404 Not Found: check --url"),
        (status(403), 1, "the server answers 403 Forbidden"),
        (status(500), 3, r"the server answers 500 Internal Server Error \(3 attempts\): wait a while"),
        (wrong_bytes, 3, r"its SHA-256 is not the one that SHA256SUMS.txt lists \(3 attempts\)"),
        (hangs, 3, "does not answer in time"),
        (drops, 3, "the transfer broke off"),
        (never_ends, 1, "the server sends more than 1 MiB"),
        (announces(10**15), 1, "the server sends more than 1 MiB"),
        (announces(int("9" * 18)), 1, "the server sends more than 1 MiB"),
        (redirects("ftp://127.0.0.1/x"), 1, "from http to ftp, which is less safe"),
        (redirects(f"/{RECORD}"), 6, "the server answers 302 Found"),
    ],
)
def test_one_file_that_cannot_be_had_is_named_and_the_others_are_kept(
    server: FileServer, folder: Path, fault: Fault, requests: int, words: str
) -> None:
    server.always[RECORD] = fault
    with pytest.raises(InputError, match=words) as error:
        download(server, folder)
    assert f"{server.url}{RECORD}: " in str(error.value)
    assert f"1 of {len(server.files) - 1} files are still missing in {folder}" in str(error.value)
    assert len(server.asked(RECORD)) == requests
    assert content(folder) == {path: bytes_ for path, bytes_ in server.files.items() if path != RECORD}
    server.always.clear()
    assert download(server, folder).fetched == 1


def test_the_servers_own_words_are_not_repeated(server: FileServer, folder: Path) -> None:
    def refuses(handler: Handler, _: bytes) -> None:
        handler.send_response(403, "\x1b[2J")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.always["SHA256SUMS.txt"] = refuses
    with pytest.raises(InputError, match="403 Forbidden: check --url") as error:
        download(server, folder)
    assert "\x1b" not in str(error.value)


def test_a_server_that_is_gone_is_given_up(server: FileServer, folder: Path) -> None:
    files = {f"records100/00000/{number:05d}_lr.hea": b"" for number in range(100)}
    tables = {"ptbxl_database.csv": b"", "scp_statements.csv": b""}
    server.files = {"SHA256SUMS.txt": listing(files | tables)}
    last = folder / "records100/00000/00099_lr.hea"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"")
    with pytest.raises(InputError, match="101 of 102 files are still missing"):
        download(server, folder, workers=4)
    assert len(server.requests) <= 1 + 20 + 3


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (status(404), "SHA256SUMS.txt: the server answers 404 Not Found: check --url, then run again"),
        (status(503), "503"),
        (lambda handler, _: handler.answer(200, b"<!doctype html><p>Sign in"), "is a web page"),
        (lambda handler, _: handler.answer(200, f"{'a' * 64}  ../x\n".encode()), "no plain path"),
        (lambda handler, _: handler.answer(200, b""), "does not list ptbxl_database.csv"),
        (announces(2**40), "sends more than 64 MiB"),
    ],
)
def test_without_a_sound_list_nothing_is_written(
    server: FileServer, tmp_path: Path, fault: Fault, words: str
) -> None:
    server.always["SHA256SUMS.txt"] = fault
    with pytest.raises(InputError, match=words):
        download(server, tmp_path / "deep" / "ptbxl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("before", "after", "safe"),
    [("http", "http", True), ("http", "https", True), ("https", "https", True), ("https", "http", False)],
)
def test_no_redirect_leaves_encryption(before: str, after: str, safe: bool) -> None:
    first, second = (httpx.Request("GET", f"{scheme}://host/x") for scheme in (before, after))
    if safe:
        _check_redirect("x", first, second)
    else:
        with pytest.raises(TransferError, match="less safe"):
            _check_redirect("x", first, second)


def test_a_second_download_into_the_folder_is_refused(server: FileServer, folder: Path) -> None:
    folder.mkdir()
    with (folder / ".veribeat-download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="Another download is busy"):
            download(server, folder)
    assert content(folder) == {}


def test_a_link_that_leads_out_of_the_folder_is_refused(
    server: FileServer, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.mkdir()
    (folder / "records100").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="leads out of"):
        download(server, folder)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_disk_that_takes_no_more_leaves_whole_files_and_scratch(server: FileServer, folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # signals have 24,000 bytes
    try:
        with pytest.raises(InputError, match="File too large: mend that"):
            download(server, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    written = content(folder)
    assert all(
        server.files[path] == bytes_ for path, bytes_ in written.items() if not path.endswith(".partial")
    )
    assert any(path.endswith(".partial") for path in written)
    download(server, folder)
    assert content(folder) == server.files


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--url", "ftp://host/x/"], "is not the address of a folder"),
        (["--url", "https://host/x?y"], "is not the address of a folder"),
        (["--url", "nonsense"], "is not the address of a folder"),
        (["--url", "http://host:port/"], "is not a web address"),
        (["--url", "{server}nowhere/"], "nowhere/SHA256SUMS.txt: the server answers 404"),
    ],
)
def test_mistakes_are_one_sentence(
    server: FileServer, folder: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [option.replace("{server}", server.url) for option in options]
    assert call("data", "ptbxl", str(folder), *filled) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not folder.exists()


def test_a_password_in_the_address_is_used_and_not_shown(server: FileServer, folder: Path) -> None:
    server.always["SHA256SUMS.txt"] = status(404)
    server.url = server.url.replace("//", "//user:secret@")
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1") as error:
        download(server, folder)
    assert "secret" not in str(error.value)
