"""Reading one WFDB record: leads, gain, baseline, units, checksums."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from bad_records import header_lines, signal, write_record
from hypothesis import given
from hypothesis import strategies as st

from veribeat.conventions import LEADS
from veribeat.data.quarantine import Reason, RecordRejected
from veribeat.data.wfdb_record import lead_order, read_record

DEFAULTS = {"amplitude_limit_mv": 20.0, "reject_flat_leads": True}


def read(root: Path, **options: object) -> np.ndarray:
    return read_record(root.resolve(), "r", **(DEFAULTS | options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("1000.0(0)/mV", lambda adc: adc),
        ("1000/mV", lambda adc: adc),
        ("1(0)/uV", lambda adc: adc),
        ("500(0)/mV", lambda adc: 2 * adc),
        ("200(100)/mV", lambda adc: 5 * (adc - 100)),
        ("1000000(-7)/V", lambda adc: adc + 7),
        ("-1000(0)/mV", lambda adc: -adc),
        ("4000(0)/mV", lambda adc: np.rint(adc / 4)),
    ],
)
def test_gain_baseline_and_units(tmp_path: Path, scale: str, expected: object) -> None:
    adc = signal(0)
    write_record(tmp_path / "r", adc, scale=scale)
    np.testing.assert_array_equal(read(tmp_path), expected(adc.astype(int)))  # type: ignore[operator]


def test_leads_are_reordered_by_name(tmp_path: Path) -> None:
    adc = signal(0)
    order = np.random.default_rng(1).permutation(12)
    names = [("Lead {}", "{}", " lead_{} ")[k % 3].format(LEADS[k].replace("AV", "aV")) for k in order]
    write_record(tmp_path / "r", adc[:, order], leads=names)
    np.testing.assert_array_equal(read(tmp_path), adc)


@given(st.permutations(range(12)))
def test_lead_order_is_the_inverse_of_any_permutation(order: list[int]) -> None:
    found = lead_order([LEADS[k] for k in order])
    assert [order[k] for k in found] == list(range(12))


@pytest.mark.parametrize("name", ["MLII", "-AVR", "V7", "", "leadership"])
def test_other_leads_are_not_guessed(name: str) -> None:
    with pytest.raises(RecordRejected) as rejection:
        lead_order([name, *LEADS[1:]])
    assert rejection.value.reason == Reason.UNKNOWN_LEAD


def test_an_additional_lead_is_refused() -> None:
    with pytest.raises(RecordRejected, match="'VX'"):
        lead_order([*LEADS, "VX"])


@pytest.mark.parametrize("fmt", ["16", "212", "24", "32"])
def test_agrees_with_wfdb_for_every_format(tmp_path: Path, fmt: str) -> None:
    adc = signal(0).astype(np.int64) // 2
    wfdb.wrsamp("r", fs=100, units=["mV"] * 12, sig_name=list(LEADS), d_signal=adc, fmt=[fmt] * 12,
                adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(tmp_path))  # fmt: skip
    np.testing.assert_array_equal(read(tmp_path), adc)
    physical = wfdb.rdrecord(str(tmp_path / "r")).p_signal
    np.testing.assert_array_equal(read(tmp_path), np.rint(physical * 1000))


@pytest.mark.parametrize("fmt", ["16", "212"])
def test_invalid_samples_are_found_in_every_format(tmp_path: Path, fmt: str) -> None:
    adc = signal(0).astype(np.int64) // 2
    adc[7, 4] = {"16": -(2**15), "212": -(2**11)}[fmt]
    wfdb.wrsamp("r", fs=100, units=["mV"] * 12, sig_name=list(LEADS), d_signal=adc, fmt=[fmt] * 12,
                adc_gain=[1000.0] * 12, baseline=[0] * 12, write_dir=str(tmp_path))  # fmt: skip
    with pytest.raises(RecordRejected, match="lead AVL has 1 invalid") as rejection:
        read(tmp_path)
    assert rejection.value.reason == Reason.INVALID_SAMPLES


def test_one_file_per_lead_and_a_byte_offset(tmp_path: Path) -> None:
    adc = signal(0)
    lines = header_lines("r", adc)
    for k in range(12):
        (tmp_path / f"r{k}.dat").write_bytes(b"head" + adc[:, k].astype("<i2").tobytes())
        lines[k + 1] = lines[k + 1].replace("r.dat 16", f"r{k}.dat 16+4")
    (tmp_path / "r.hea").write_text("\n".join(lines) + "\n")
    np.testing.assert_array_equal(read(tmp_path), adc)
    (tmp_path / "all.dat").write_bytes(b"head" + adc.astype("<i2").tobytes())
    lines[1:] = [line.replace(line.split()[0], "all.dat") for line in lines[1:]]
    (tmp_path / "r.hea").write_text("\n".join(lines) + "\n")
    np.testing.assert_array_equal(read(tmp_path), adc)


def test_negative_checksums_and_none_are_accepted(tmp_path: Path) -> None:
    adc = signal(0)
    signed = [line.split() for line in header_lines("r", adc)]
    for fields in signed[1:]:
        fields[6] = str(int(fields[6]) - 65536)
    write_record(tmp_path / "r", adc, lines=[" ".join(fields) for fields in signed])
    np.testing.assert_array_equal(read(tmp_path), adc)


@pytest.mark.parametrize(
    ("limit", "value", "accepted"), [(20.0, 20_000, True), (20.0, -20_001, False), (32.767, -32_767, True)]
)
def test_amplitude_limit(tmp_path: Path, limit: float, value: int, accepted: bool) -> None:
    adc = signal(0)
    adc[5, 2] = value
    write_record(tmp_path / "r", adc)
    if accepted:
        assert read(tmp_path, amplitude_limit_mv=limit)[5, 2] == value
    else:
        with pytest.raises(RecordRejected, match=r"lead III reaches 20\.001 mV"):
            read(tmp_path, amplitude_limit_mv=limit)


def test_values_that_int16_cannot_hold_never_wrap(tmp_path: Path) -> None:
    adc = signal(0)
    write_record(tmp_path / "r", adc, scale="10(0)/mV")  # up to 300 mV
    with pytest.raises(RecordRejected) as rejection:
        read(tmp_path, amplitude_limit_mv=32.767)
    assert rejection.value.reason == Reason.BEYOND_AMPLITUDE_LIMIT


@given(content=st.binary(max_size=300))
def test_a_damaged_header_is_rejected_not_a_crash(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    write_record(folder / "r", signal(0))
    (folder / "r.hea").write_bytes(content)
    with pytest.raises(RecordRejected):
        read(folder)


@given(data=st.data())
def test_one_changed_header_byte_is_rejected_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    write_record(folder / "r", signal(0))
    header = bytearray((folder / "r.hea").read_bytes())
    header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    (folder / "r.hea").write_bytes(bytes(header))
    try:
        found = read(folder)
    except RecordRejected:
        return
    assert found.shape == (1000, 12)
    assert found.dtype == np.int16


def test_a_header_that_links_to_itself_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "x.hea").symlink_to("x.hea")
    with pytest.raises(RecordRejected) as rejected:
        read_record(tmp_path.resolve(), "x", 20.0, True)
    assert rejected.value.reason == Reason.UNREADABLE_FILE
