"""WFDB records of any origin: the same recording in other guises."""

from pathlib import Path

import numpy as np
import pytest
import wfdb
from recordings import edit_header, refused, stored, write_recording

from veribeat.conventions import LEADS
from veribeat.data.any_record import read_any_record
from veribeat.data.lead_names import standard_lead_name

EIGHT = tuple(lead for lead in LEADS if lead not in ("III", "AVR", "AVL", "AVF"))


def kinds(record: str) -> list[str]:
    return [warning.kind for warning in read_any_record(record).warnings]


@pytest.mark.parametrize("fmt", ["16", "24", "32", "160", "212", "516", "524"])
@pytest.mark.parametrize("unit", ["mV", "uV", "V"])
def test_storage_format_and_unit_change_nothing(tmp_path: Path, fmt: str, unit: str) -> None:
    if fmt == "160":  # wfdb reads it and does not write it
        record = write_recording(tmp_path, "r", stored(), 100, unit=unit)
        samples = np.fromfile(tmp_path / "r.dat", "<i2").astype(int) + 32768
        samples.astype("<u2").tofile(tmp_path / "r.dat")
        edit_header(record, "r.dat 16 ", "r.dat 160 ")
    else:
        record = write_recording(tmp_path, "r", stored(), 100, fmt, unit=unit)
    found = read_any_record(record)
    np.testing.assert_allclose(found.signals_mv, stored(), rtol=1e-15, atol=0)
    assert (found.sampling_rate, found.duration_s, found.warnings) == (100.0, 10.0, ())


@pytest.mark.parametrize("rate", [100, 250, 257, 360, 500, 999.5, 1000])
def test_rate_and_length_are_those_of_the_file(tmp_path: Path, rate: float) -> None:
    found = read_any_record(write_recording(tmp_path, "r", stored(rate, 12.0), rate) + ".hea")
    assert found.sampling_rate == rate
    assert found.duration_s == pytest.approx(12.0, abs=1 / rate)
    np.testing.assert_array_equal(found.signals_mv, stored(rate, 12.0))


def test_ptbxl_samples_are_what_the_pipeline_makes_of_them(tmp_path: Path) -> None:
    adc = np.random.default_rng(0).integers(-9000, 9000, (1000, 12))
    found = read_any_record(write_recording(tmp_path, "r", adc / 1000, 100))
    expected = adc.astype(np.float32) / np.float32(1000)
    np.testing.assert_array_equal(found.signals_mv.astype(np.float32), expected)


def test_leads_are_found_by_name_and_other_signals_left_out(tmp_path: Path) -> None:
    spellings = ("{}", "Lead {}", "MDC_ECG_LEAD_{}", "ECG {}", " lead_{}", "MDC_ECG_ELEC_POTL_{}")
    order = np.random.default_rng(1).permutation(12)
    names = [
        spellings[k % 6].format((LEADS[k].replace("AV", "aV"), LEADS[k].lower())[k % 2]).strip()
        for k in order
    ]
    signals = np.insert(stored()[:, order], 5, 3.0, axis=1)
    record = write_recording(tmp_path, "r", signals, 100, leads=[*names[:5], "PLETH", *names[5:]])
    found = read_any_record(record)
    np.testing.assert_array_equal(found.signals_mv, stored())
    assert [str(warning) for warning in found.warnings] == ["ignored signals: 'PLETH'"]


@pytest.mark.parametrize("name", ["V7", "-aVR", "MLII", "ecgi", "", "V1 V2", "ART"])
def test_other_names_are_no_leads(name: str) -> None:
    assert standard_lead_name(name) is None


def test_a_unit_that_is_no_voltage_does_no_harm_in_another_signal(tmp_path: Path) -> None:
    signals = np.column_stack((stored(), np.full(1000, 80.0)))
    record = write_recording(tmp_path, "r", signals, 100, "32", leads=[*LEADS, "ART"])
    last = Path(record + ".hea").read_text().splitlines()[13]
    edit_header(record, last, last.replace("/mV", "/mmHg"))
    np.testing.assert_array_equal(read_any_record(record).signals_mv, stored())


def test_limb_leads_follow_from_i_and_ii(tmp_path: Path) -> None:
    columns = [LEADS.index(lead) for lead in EIGHT]
    found = read_any_record(write_recording(tmp_path, "r", stored()[:, columns], 100, leads=EIGHT))
    np.testing.assert_allclose(found.signals_mv, stored(), atol=0.0011)  # III and the others were rounded
    np.testing.assert_array_equal(found.signals_mv[:, columns], stored()[:, columns])
    np.testing.assert_array_equal(found.signals_mv[:, 2], found.signals_mv[:, 1] - found.signals_mv[:, 0])
    assert found.derived == {"III", "AVR", "AVL", "AVF"}
    assert [str(warning) for warning in found.warnings] == ["derived leads: III, AVR, AVL, AVF from I and II"]


@pytest.mark.parametrize("missing", ["I", "II", "V4"])
def test_other_leads_cannot_be_derived(tmp_path: Path, missing: str) -> None:
    names = [lead for lead in LEADS if lead != missing]
    record = write_recording(tmp_path, "r", stored()[:, 1:], 100, leads=names)
    assert f"no lead {missing} among its signals" in refused(record)


def test_a_lead_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100, leads=[*LEADS[:11], "Lead v5"])
    assert "lead V5 is there twice, as 'V5' and 'Lead v5'" in refused(record)


def test_several_signal_files_and_a_prolog(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100)
    adc = np.fromfile(tmp_path / "r.dat", "<i2").reshape(1000, 12)
    lines = Path(record + ".hea").read_text().splitlines()
    for name, columns in (("limb.mat", range(6)), ("chest.dat", range(6, 12))):
        (tmp_path / name).write_bytes(b"\1" * 24 + adc[:, columns].tobytes())
        for k in columns:
            lines[k + 1] = lines[k + 1].replace("r.dat 16", f"{name} 16+24")
    Path(record + ".hea").write_text("\n".join(lines) + "\n")
    (tmp_path / "r.dat").unlink()
    np.testing.assert_array_equal(read_any_record(record).signals_mv, stored())
    lines[1], lines[12] = lines[12], lines[1]  # the files' signals are then no longer side by side
    Path(record + ".hea").write_text("\n".join(lines) + "\n")
    assert "not next to one another" in refused(record)


def test_leads_that_are_sampled_faster_than_the_frames(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(500), 500)
    adc = np.fromfile(tmp_path / "r.dat", "<i2").reshape(1000, 5, 12)
    # five samples of each lead per frame, then one of a pulse wave
    frames = [np.append(frame.T.ravel(), 7) for frame in adc]
    np.concatenate(frames).astype("<i2").tofile(tmp_path / "r.dat")
    text = Path(record + ".hea").read_text().replace("r 12 500 5000", "r 13 100 1000")
    Path(record + ".hea").write_text(
        text.replace("r.dat 16 ", "r.dat 16x5 ") + "r.dat 16 100/NU 16 0 7 0 0 PLETH\n"
    )
    found = read_any_record(record)
    assert found.sampling_rate == 500
    np.testing.assert_array_equal(found.signals_mv, stored(500))
    assert [warning.kind for warning in found.warnings] == ["ignored signals"]
    edit_header(record, "16x5 1000.0(0)/mV 16 0 ", "16x1 1000.0(0)/mV 16 0 ")
    lines = Path(record + ".hea").read_text().splitlines()
    lines[1] = lines[1].replace("16x1", "16x5")
    Path(record + ".hea").write_text("\n".join(lines) + "\n")
    assert "different sampling rates" in refused(record)


@pytest.mark.parametrize("fmt", ["16", "212", "24"])
def test_short_gaps_are_bridged_and_long_ones_refused(tmp_path: Path, fmt: str) -> None:
    signals = stored(250)
    signals[700:710, 4] = np.nan
    found = read_any_record(write_recording(tmp_path, "short", signals, 250, fmt))
    (warning,) = found.warnings
    assert str(warning) == "missing samples: 10 in AVL, bridged by straight lines"
    assert np.abs(found.signals_mv - stored(250)).max() < 0.05
    signals[710, 4] = np.nan
    assert "lead AVL has no samples for 0.044 s from 2.800 s on" in refused(
        write_recording(tmp_path, "long", signals, 250, fmt)
    )


@pytest.mark.parametrize(
    "line",
    [
        "r 12 100",
        "r 12 100. 1000",
        "r\t12  100.0 \t1000 ",
        "r 12 100/500(3) 1000",
        "r 12 100 1000 14:50:55 05/05/2020",
        "r 12 100 1000 05-May-2020 14:50:55",
    ],
)
def test_each_way_to_write_the_first_line_is_read(tmp_path: Path, line: str) -> None:
    record = edit_header(write_recording(tmp_path, "r", stored(), 100), "r 12 100 1000", line)
    found = read_any_record(record)
    assert (found.sampling_rate, found.duration_s, found.warnings) == (100.0, 10.0, ())


def test_what_the_header_leaves_open_is_said(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(250), 250)
    lines = Path(record + ".hea").read_text().splitlines()
    lines[0] = "r 12"
    lines[3] = lines[3].replace("1000.0(0)/mV", "0(0)/mV")
    Path(record + ".hea").write_text("\n".join(lines) + "\n")
    found = read_any_record(record)
    assert found.sampling_rate == 250
    assert [str(warning) for warning in found.warnings] == [
        "no sampling rate in the header: WFDB's default of 250 Hz is assumed",
        "no gain in the header: III; WFDB's default of 200 steps per mV is assumed",
    ]
    np.testing.assert_allclose(found.signals_mv[:, 2], 5 * stored(250)[:, 2])


def test_a_checksum_that_does_not_match_is_said(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100)
    samples = np.fromfile(tmp_path / "r.dat", "<i2")
    samples[12 * 500 + 7] += 1
    samples.tofile(tmp_path / "r.dat")
    assert [str(warning) for warning in read_any_record(record).warnings] == [
        "checksum mismatch: V2; the file may be damaged"
    ]
    lines = [line.split() for line in Path(record + ".hea").read_text().splitlines()]
    for fields in lines[1:]:
        fields[6] = "0"  # of a writer that computes none
    Path(record + ".hea").write_text("".join(" ".join(fields) + "\n" for fields in lines))
    assert kinds(record) == []


def test_the_longest_gap_may_be_a_whole_lead(tmp_path: Path) -> None:
    signals = stored()
    signals[:, 9] = np.nan
    record = write_recording(tmp_path, "r", np.nan_to_num(signals), 100)
    adc = np.fromfile(tmp_path / "r.dat", "<i2").reshape(1000, 12)
    adc[:, 9] = -32768
    adc.tofile(tmp_path / "r.dat")
    assert "lead V4 has no samples for 10 s from 0.000 s on" in refused(record)


def test_agrees_with_wfdb(tmp_path: Path) -> None:
    record = write_recording(tmp_path, "r", stored(), 100, steps_per_mv=204.8)
    np.testing.assert_array_equal(read_any_record(record).signals_mv, wfdb.rdrecord(record).p_signal)
