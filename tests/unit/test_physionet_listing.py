"""SHA256SUMS.txt comes from a server: what is taken from it, and what is refused."""

from pathlib import PurePosixPath

import pytest

from flows.physionet.listing import ListedFile, parse_listing, wanted
from veribeat.errors import InputError

A, B = "a" * 64, "b" * 64
FOLDER = [
    "LICENSE.txt",
    "RECORDS",
    "example_physionet.py",
    "ptbxl_database.csv",
    "records100/00000/00001_lr.dat",
    "records100/00000/00001_lr.hea",
    "records500/00000/00001_hr.dat",
    "scp_statements.csv",
]


def parsed(*lines: str) -> list[tuple[str, str]]:
    files = parse_listing("".join(f"{line}\n" for line in lines).encode())
    return [(str(file.path), file.sha256) for file in files]


@pytest.mark.parametrize("separator", [" ", "  ", " *"])
def test_each_way_to_write_a_line_is_read(separator: str) -> None:
    assert parsed(f"{A.upper()}{separator}RECORDS\r", "", f"{B}{separator}./records100/x.hea") == [
        ("RECORDS", A),
        ("records100/x.hea", B),
    ]


def test_the_same_line_twice_is_one_file() -> None:
    assert parsed(f"{A}  RECORDS", f"{A} *RECORDS") == [("RECORDS", A)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html>\n<html>Sign in</html>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"\x1f\x8b\xff\xfe", "is not text"),
        (f"{A}  RECORDS\nnot a line\n".encode(), "line 2, is not a SHA-256 and a path"),
        (f"{A[1:]}  RECORDS\n".encode(), "line 1, is not"),
        (f"{A}  \n".encode(), "line 1, is not"),
        (f"{A}  RECORDS\n{B}  ./RECORDS\n".encode(), "two different hashes for RECORDS"),
        (
            f"{A}  records100/x\n{B}  records100/x/y\n".encode(),
            "lists records100/x as a file and as a folder",
        ),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        parse_listing(content)
    assert "check --url" in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x.csv",
        "records100/../../x.dat",
        "records100/..",
        "records100\\..\\x.dat",
        "C:/x.dat",
        ".",
        "records100/.00001_lr.dat.partial",
        "records100/\x00.dat",
        "records100/\u2028.dat",
        "records100/a b.dat",
    ],
)
def test_a_path_that_is_not_plain_and_inside_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="no plain path inside the folder") as error:
        parsed(f"{A}  RECORDS", f"{A}  {path}")
    assert "line 2" in str(error.value)
    assert "\n" not in str(error.value)


def listed(*paths: str) -> list[ListedFile]:
    return [ListedFile(PurePosixPath(path), A) for path in paths]


def test_tables_come_first_and_programs_and_other_rates_stay_out() -> None:
    chosen = [str(file.path) for file in wanted(listed(*FOLDER), {100})]
    assert chosen == [
        "ptbxl_database.csv",
        "scp_statements.csv",
        "LICENSE.txt",
        "RECORDS",
        "records100/00000/00001_lr.dat",
        "records100/00000/00001_lr.hea",
    ]
    both = [str(file.path) for file in wanted(listed(*FOLDER), {500, 100})]
    assert both == [*chosen, "records500/00000/00001_hr.dat"]


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        ("ptbxl_database.csv", "does not list ptbxl_database.csv"),
        ("scp_statements.csv", "does not list scp_statements.csv"),
        ("records500/00000/00001_hr.dat", "lists no file below records500/"),
    ],
)
def test_a_list_without_what_is_needed_is_refused(absent: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        wanted(listed(*(path for path in FOLDER if path != absent)), {100, 500})
