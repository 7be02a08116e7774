"""WFDB records that cannot be used: one sentence each, and nothing outside their folder is opened."""

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import edit_header, refused, stored, write_recording

from veribeat.data.any_record import read_any_record
from veribeat.errors import InputError


def _shorten(record: str) -> None:
    file = Path(record + ".dat")
    file.write_bytes(file.read_bytes()[:-1])


def _link_outside(record: str) -> None:
    file = Path(record + ".dat")
    (file.parent / "elsewhere").mkdir()
    file.rename(file.parent / "elsewhere" / "r.dat")
    file.symlink_to("elsewhere/r.dat")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda record: edit_header(record, "r 12 100 1000", "r 12 99 1000"), "99 Hz is not supported"),
        (lambda record: edit_header(record, "r 12 100 1000", "r 12 1001 1000"), "1001 Hz is not supported"),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 12 100 999"),
            "it lasts 9.99 s, and at least 10 s",
        ),
        (lambda record: edit_header(record, "r 12 100 1000", "r 12 100 9999999"), "more than 3600 s"),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 13 100 1000"),
            "announces 13 signals and describes 12",
        ),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 0 100 1000"),
            "announces 0 signals and describes 12",
        ),
        (lambda record: edit_header(record, "r 12 100 1000", "r/2 12 100 1000"), "the header is damaged"),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 12 -100 1000"),
            "is 'r 12 -100 1000'; expected",
        ),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 12 x100 1000"),
            "is 'r 12 x100 1000'; expected",
        ),
        (
            lambda record: edit_header(record, "r 12 100 1000", "r 12 100 -1000"),
            "is 'r 12 100 -1000'; expected",
        ),
        (lambda record: Path(record + ".hea").write_text("r/1 12 100 1000\ns 1000\n"), "several segments"),
        (lambda record: Path(record + ".hea").write_text(""), "the header is damaged"),
        (lambda record: Path(record + ".hea").write_bytes(b"#" * 70_000), "more than 65536 bytes"),
        (lambda record: edit_header(record, "/mV", "/mmHg"), "lead I is in the unit 'mmHg'"),
        (lambda record: edit_header(record, "/mV", "/µV"), "write µV as uV"),
        (lambda record: edit_header(record, "r.dat 16 ", "r.dat 17 "), "signal format 17 is not supported"),
        (lambda record: edit_header(record, "r.dat 16 ", "r.dat 516 "), "the samples cannot be read"),
        (lambda record: edit_header(record, "r.dat 16 ", "../r.dat 16 "), "the header is damaged"),
        (lambda record: edit_header(record, "r.dat 16 ", "file:r.dat 16 "), "the header is damaged"),
        (lambda record: edit_header(record, "r.dat 16 ", "other.dat 16 "), "no signal file 'other.dat'"),
        (lambda record: edit_header(record, "1000.0(0)/mV", "10.0(0)/mV"), "more than 20 mV"),
        (_shorten, "r.dat is cut short: it has 23999 of 24000 bytes"),
        (_link_outside, "lies outside the folder of the header"),
        (lambda record: Path(record + ".dat").unlink(), "there is no signal file 'r.dat'"),
        (lambda record: Path(record + ".hea").unlink(), "there is no file"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, damage: Callable[[str], object], words: str
) -> None:
    record = write_recording(tmp_path, "r", stored(), 100)
    damage(record)
    assert words in refused(record)


def test_nothing_is_fetched_and_no_file_systems_are_chained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", no_network)
    for name in (
        "mitdb/100",
        "s3://bucket/r",
        "https://physionet.org/r",
        "simplecache::https://physionet.org/r",
    ):
        assert "there is no file" in refused(name)
    folder = tmp_path / "simplecache::file:"
    folder.mkdir()
    assert "'::' in a path" in refused(write_recording(folder, "r", stored(), 100))


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_one_changed_header_byte_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    record = write_recording(tmp_path_factory.mktemp("changed"), "r", stored(), 100)
    file = Path(record + ".hea")
    header = bytearray(file.read_bytes())
    header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(bytes(header))
    try:
        found = read_any_record(record)
    except InputError:
        return
    assert found.signals_mv.shape[1] == 12
    assert np.isfinite(found.signals_mv).all()


def test_a_baseline_beyond_any_number_is_refused(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100)
    edit_header(record, "(0)/mV", f"({'9' * 400})/mV")
    assert "the samples cannot be read" in refused(record)


def test_a_skew_beyond_any_memory_is_refused(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100)
    edit_header(record, ".dat 16 ", ".dat 16:999999999 ")
    assert "skewed by more than" in refused(record)


@pytest.mark.parametrize("scale", [0.0, 1e-4])
def test_a_recording_without_an_ecg_is_refused(tmp_path: Path, scale: float) -> None:
    record = write_recording(tmp_path, "r", stored() * scale, 100, steps_per_mv=1_000_000, fmt="32")
    assert "every lead is flat" in refused(record)
