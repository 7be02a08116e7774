"""Simulated beats: what a reader of ECGs would check."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from veribeat.conventions import LEADS
from veribeat.simulation.cohort import Cohort

R = 40
"""Sample of the QRS in a median beat; 10 ms a sample."""


def median_beat(signal: np.ndarray) -> np.ndarray:
    """(100, 12) mV around the QRS, baseline (the quietest moment before it) at 0."""
    velocity = np.linalg.norm(np.diff(signal.astype(float), axis=0), axis=1)
    centre = np.convolve(velocity, np.ones(9), mode="same")
    peaks, _ = find_peaks(centre, height=0.6 * centre.max(), distance=35)
    beats = [signal[p - R : p + 100 - R] for p in peaks if p >= R and p + 100 - R <= len(signal)]
    beat = np.median(beats, axis=0) / 1000
    quiet = R - 14 + int(np.argmin(np.linalg.norm(np.diff(beat[R - 15 : R - 5], axis=0), axis=1)))
    return beat - beat[quiet]


def beats_of(cohort: Cohort, column: str, value: str, *, least: float = 0.65, **where: str) -> np.ndarray:
    """(n, 100, 12) median beats of sinus records with only this finding, at least this severe."""
    truth = cohort.truth
    superclass = column.split("_")[1]
    chosen = (truth[column] == value) & (truth["true_superclasses"] == superclass) & (truth["rhythm"] == "SR")
    chosen &= truth[f"severity_{superclass}"] >= least
    for name, wanted in where.items():
        chosen &= truth[name] == wanted
    rows = np.flatnonzero(chosen & cohort.table["extra_beats"].isna())
    assert rows.size >= 3, f"too few records to judge {value}"
    return np.array([median_beat(cohort.signals[row]) for row in rows])


def normal_beats(cohort: Cohort) -> np.ndarray:
    chosen = (cohort.truth["true_superclasses"] == "NORM") & (cohort.truth["rhythm"] == "SR")
    rows = np.flatnonzero(chosen & cohort.table["extra_beats"].isna())[:300]
    return np.array([median_beat(cohort.signals[row]) for row in rows])


def lead(beats: np.ndarray, name: str) -> np.ndarray:
    return beats[..., LEADS.index(name)]


def st_level(beats: np.ndarray, name: str) -> float:
    """Median level about 60 ms after the J point of a QRS of normal width."""
    return float(np.median(lead(beats, name)[:, R + 11]))


def qrs_samples(beats: np.ndarray) -> float:
    """Median QRS duration in samples, from where the leads move fast."""
    velocity = np.linalg.norm(np.diff(beats, axis=1), axis=2)[:, R - 10 : R + 14]
    fast = velocity > 0.15 * velocity.max(axis=1, keepdims=True)
    return float(np.median([np.ptp(np.flatnonzero(row)) + 1 for row in fast]))


def net_axis(beats: np.ndarray) -> np.ndarray:
    one, foot = (lead(beats, name)[:, R - 7 : R + 10].sum(axis=1) for name in ("I", "AVF"))
    return np.rad2deg(np.arctan2(foot * 2 / np.sqrt(3), one))


def test_normal_beats_look_normal(clean: Cohort) -> None:
    beats = normal_beats(clean)
    r_waves = [np.median(lead(beats, v)[:, R - 8 : R + 8].max(axis=1)) for v in ("V1", "V2", "V3", "V4")]
    assert np.all(np.diff(r_waves) > 0), "R grows from V1 to V4"
    assert np.median(lead(beats, "V1")[:, R - 8 : R + 8].min(axis=1)) < -0.5, "deep S in V1"
    p_wave = lead(beats, "II")[:, R - 25 : R - 8].max(axis=1)
    assert np.mean(p_wave > 0.03) > 0.95, "P before the QRS in II"
    for upright in ("I", "II", "V4", "V5", "V6"):
        assert np.median(lead(beats, upright)[:, R + 15 : R + 45].max(axis=1)) > 0.08, (
            f"T upright in {upright}"
        )
    assert np.median(lead(beats, "AVR")[:, R - 4 : R + 5].min(axis=1)) < -0.4, "aVR negative"
    assert 6 <= qrs_samples(beats) <= 11


@pytest.mark.parametrize(
    ("statement", "raised", "lowered"),
    [
        ("IMI", ("II", "III", "AVF"), ("AVL",)),
        ("ASMI", ("V1", "V2", "V3"), ()),
        ("ALMI", ("V4", "V5", "AVL"), ("III",)),
    ],
)
def test_acute_infarction_raises_st_over_its_territory(
    clean: Cohort, statement: str, raised: tuple[str, ...], lowered: tuple[str, ...]
) -> None:
    beats = beats_of(clean, "statement_MI", statement, least=0.6, stage="acute")
    for name in raised:
        assert st_level(beats, name) > 0.1, f"{name} in {statement}"
    for name in lowered:
        assert st_level(beats, name) < -0.04, f"{name} in {statement}"


def test_normal_st_is_level(clean: Cohort) -> None:
    beats = normal_beats(clean)
    assert all(abs(st_level(beats, name)) < 0.1 for name in LEADS)


def test_old_infarctions_leave_q_waves_and_take_r_waves(clean: Cohort) -> None:
    healthy, inferior = normal_beats(clean), beats_of(clean, "statement_MI", "IMI", stage="old")
    septal = beats_of(clean, "statement_MI", "ASMI", stage="old")
    early = slice(R - 5, R + 1)
    assert np.median(lead(inferior, "AVF")[:, early].min(axis=1)) < -0.12
    assert np.median(lead(healthy, "AVF")[:, early].min(axis=1)) > -0.06
    for chest in ("V1", "V2", "V3"):
        r_wave = [np.median(lead(beats, chest)[:, R - 7 : R + 5].max(axis=1)) for beats in (septal, healthy)]
        assert r_wave[0] < 0.4 * r_wave[1], f"R lost in {chest}"


def test_left_bundle_block_is_broad_notched_and_discordant(clean: Cohort) -> None:
    beats = beats_of(clean, "statement_CD", "CLBBB", least=0.0)
    assert 12 <= qrs_samples(beats) <= 18
    assert np.median(lead(beats, "V1")[:, R - 10 : R + 12].min(axis=1)) < -0.9
    assert np.median(lead(beats, "V1")[:, R - 10 : R + 5].max(axis=1)) < 0.1, "no R in V1"
    tops = [find_peaks(beat, height=0.25)[0] for beat in lead(beats, "V6")[:, R - 10 : R + 15]]
    assert np.mean([len(peaks) >= 2 for peaks in tops]) > 0.6, "M shape in V6"
    assert np.median(lead(beats, "V6")[:, R + 20 : R + 45].min(axis=1)) < -0.1, "T against the QRS in V6"
    assert np.median(lead(beats, "V1")[:, R + 20 : R + 45].max(axis=1)) > 0.2, "T against the QRS in V1"


def test_right_bundle_block_has_a_second_r_in_v1_and_a_broad_s(clean: Cohort) -> None:
    beats = beats_of(clean, "statement_CD", "CRBBB", least=0.0)
    assert qrs_samples(beats) >= 12
    patterns = 0
    for beat in lead(beats, "V1")[:, R - 10 : R + 14]:
        bottom = int(np.argmin(beat))
        patterns += beat[:bottom].max() > 0.05 and beat[bottom:].max() > 0.3
    assert patterns > 0.7 * len(beats), "rsR' in V1"
    for name in ("I", "V6"):
        assert np.median(lead(beats, name)[:, R + 2 : R + 14].min(axis=1)) < -0.2


def test_axis_deviates_in_fascicular_block_and_right_hypertrophy(clean: Cohort) -> None:
    assert np.median(net_axis(beats_of(clean, "statement_CD", "LAFB"))) < -30
    assert np.median(net_axis(beats_of(clean, "statement_HYP", "RVH", least=0.3))) > 95
    assert 0 < np.median(net_axis(normal_beats(clean))) < 75


def test_first_degree_block_lengthens_pr(clean: Cohort) -> None:
    def p_to_r(beats: np.ndarray) -> float:
        return float(np.median(R - (np.argmax(lead(beats, "II")[:, 2 : R - 7], axis=1) + 2)))

    # 1AVB beats keep T and P apart only at rates below about 80, hence medians
    assert p_to_r(beats_of(clean, "statement_CD", "1AVB", least=0.5)) > p_to_r(normal_beats(clean)) + 5


def test_left_hypertrophy_meets_sokolow_lyon_and_strains(clean: Cohort) -> None:
    def sokolow(beats: np.ndarray) -> np.ndarray:
        s_v1 = -lead(beats, "V1")[:, R - 8 : R + 10].min(axis=1)
        return s_v1 + lead(beats, "V5")[:, R - 8 : R + 10].max(axis=1)

    severe = beats_of(clean, "statement_HYP", "LVH", least=0.7)
    assert np.median(sokolow(severe)) > 3.5
    assert np.mean(sokolow(normal_beats(clean)) > 3.5) < 0.25
    for name in ("V5", "V6"):
        assert st_level(severe, name) < -0.05
        assert np.median(lead(severe, name)[:, R + 18 : R + 40].min(axis=1)) < -0.1


def test_ischaemia_lowers_st_and_turns_t(clean: Cohort) -> None:
    beats = beats_of(clean, "statement_STTC", "ISC_")
    for name in ("II", "V5", "V6"):
        assert st_level(beats, name) < -0.04
        assert np.median(lead(beats, name)[:, R + 18 : R + 40].mean(axis=1)) < -0.05


def test_severity_grades_a_finding(clean: Cohort) -> None:
    acute = (clean.truth["stage"] == "acute") & (clean.truth["statement_MI"] == "ASMI")
    rows = np.flatnonzero(acute)
    level = [median_beat(clean.signals[row])[R + 11, LEADS.index("V2")] for row in rows]
    assert np.corrcoef(level, clean.truth["severity_MI"].to_numpy()[rows])[0, 1] > 0.6
    assert clean.truth["severity_MI"].min() < 0.2, "subtle cases exist"


def test_fibrillation_is_irregular_and_without_p(clean: Cohort) -> None:
    def irregularity(row: int) -> float:
        strength = np.convolve(
            np.abs(np.diff(clean.signals[row, :, 6].astype(float))), np.ones(7), mode="same"
        )
        peaks, _ = find_peaks(strength, height=0.5 * strength.max(), distance=25)
        return float(np.std(np.diff(peaks)) / np.mean(np.diff(peaks)))

    quiet = clean.table["extra_beats"].isna()
    fibrillating = np.flatnonzero((clean.truth["rhythm"] == "AFIB") & quiet)
    regular = np.flatnonzero((clean.truth["rhythm"] == "SR") & quiet)[:150]
    assert 0.04 < (clean.truth["rhythm"] == "AFIB").mean() < 0.11
    assert np.median([irregularity(row) for row in fibrillating]) > 0.13
    assert np.median([irregularity(row) for row in regular]) < 0.06
