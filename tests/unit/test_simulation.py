"""The simulated cohort: what a reader of ECGs would check, and what ingest will rely on."""

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
from scipy.signal import find_peaks

from tasks.ingest import ingest
from tasks.params.ingest import IngestParams
from tasks.params.simulate import SimulateParams
from tasks.simulate import simulate
from veribeat.conventions import LEADS, SUPERCLASSES
from veribeat.errors import InputError
from veribeat.simulation.cohort import Cohort, simulate_cohort
from veribeat.simulation.corruption import Kind
from veribeat.simulation.labels import COMBINATIONS, combination_names, quotas, targets_of
from veribeat.simulation.statements import STATEMENTS, statement_table

R = 40
"""Sample of the QRS in a median beat; 10 ms a sample."""


@pytest.fixture(scope="module")
def clean() -> Cohort:
    """Without noise and wrong labels, so that the waves can be measured."""
    return simulate_cohort(4000, seed=7, wrong_label_share=0.0, noise=0.0)


@pytest.fixture(scope="module")
def noisy() -> Cohort:
    return simulate_cohort(600, seed=7, wrong_label_share=0.05, noise=1.0)


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


# --- morphology ---------------------------------------------------------------------------------------------


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


# --- signals ------------------------------------------------------------------------------------------------


def test_limb_leads_obey_einthoven_and_goldberger(noisy: Cohort) -> None:
    of = {name: noisy.signals[:, :, index].astype(int) for index, name in enumerate(LEADS)}
    assert np.array_equal(of["III"], of["II"] - of["I"])
    assert np.abs(2 * of["AVR"] + of["I"] + of["II"]).max() <= 1
    assert np.abs(2 * of["AVL"] - 2 * of["I"] + of["II"]).max() <= 1
    assert np.abs(2 * of["AVF"] - 2 * of["II"] + of["I"]).max() <= 1


def test_signals_have_the_shape_and_size_of_ptbxl(noisy: Cohort) -> None:
    assert noisy.signals.shape == (600, 1000, 12)
    assert noisy.signals.dtype == np.int16
    assert 0.15 < noisy.signals.std() / 1000 < 0.32, "PTB-XL: 0.236 mV"
    assert np.abs(noisy.signals).max() < 15_000
    assert np.ptp(noisy.signals, axis=1).min() > 0


def test_same_seed_same_bytes_and_other_seed_others() -> None:
    first, second, other = (simulate_cohort(60, seed, 0.05, 1.0) for seed in (3, 3, 4))
    assert first.signals.tobytes() == second.signals.tobytes()
    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(first.truth, second.truth)
    assert not np.array_equal(first.signals, other.signals)


def test_wrong_labels_and_noise_leave_the_hearts_alone() -> None:
    honest, wrong, quiet = (simulate_cohort(60, 3, *knobs) for knobs in ((0.0, 1.0), (0.3, 1.0), (0.0, 0.0)))
    assert np.array_equal(honest.signals, wrong.signals)
    assert not np.array_equal(honest.signals, quiet.signals)
    assert honest.truth["true_superclasses"].equals(quiet.truth["true_superclasses"])


def test_a_regenerated_noise_level_scales_with_the_multiplier() -> None:
    cohorts = {noise: simulate_cohort(40, 3, 0.0, noise) for noise in (0.0, 1.0, 3.0)}
    excess = {
        noise: np.abs(cohort.signals.astype(float) - cohorts[0.0].signals).mean()
        for noise, cohort in cohorts.items()
    }
    assert excess[3.0] == pytest.approx(3 * excess[1.0], rel=0.05)


# --- labels, patients, folds --------------------------------------------------------------------------------


def test_combinations_come_in_ptbxls_proportions(clean: Cohort) -> None:
    counts = clean.truth["true_superclasses"].value_counts()
    for name, per_ten_thousand in zip(combination_names(), COMBINATIONS.values(), strict=True):
        assert abs(counts.get(name, 0) - 4000 * per_ten_thousand / sum(COMBINATIONS.values())) <= 1


@pytest.mark.real
def test_combination_table_is_ptbxls(ptbxl_root: Path) -> None:
    database = pd.read_csv(ptbxl_root / "ptbxl_database.csv")
    statements = pd.read_csv(ptbxl_root / "scp_statements.csv", index_col=0)
    superclass = statements.loc[statements["diagnostic"] == 1, "diagnostic_class"].to_dict()
    found = Counter(
        tuple(
            name
            for name in SUPERCLASSES
            if name in {superclass.get(code) for code in ast.literal_eval(codes)}
        )
        for codes in database["scp_codes"]
    )
    for combination, per_ten_thousand in COMBINATIONS.items():
        assert found[combination] / len(database) == pytest.approx(per_ten_thousand / 10_000, abs=2e-4)
    assert list(database.columns) == list(simulate_cohort(20, 0, 0.0, 0.0).table.columns)
    assert list(statements.columns) == list(statement_table().columns)


def test_quotas_are_exact_and_nearest() -> None:
    assert quotas([1, 1, 2], 7).tolist() == [2, 2, 3]
    assert quotas([5, 0], 3).tolist() == [3, 0]


def test_wrong_labels_have_the_asked_share_and_are_listed(noisy: Cohort) -> None:
    truth = noisy.truth
    assert truth["label_wrong"].sum() == 30
    assert (truth["true_superclasses"] != truth["given_superclasses"]).equals(truth["label_wrong"])


def test_codes_say_what_is_given(noisy: Cohort) -> None:
    given = targets_of(noisy.truth["given_superclasses"])
    for row, text in enumerate(noisy.table["scp_codes"]):
        codes = ast.literal_eval(text)
        assert set(codes) <= STATEMENTS.keys()
        said = {STATEMENTS[code].superclass for code in codes} - {""}
        assert said == {name for name, there in zip(SUPERCLASSES, given[row], strict=True) if there}


def test_statements_of_true_labels_are_those_shown(clean: Cohort) -> None:
    for superclass in ("MI", "STTC", "CD", "HYP"):
        shown = clean.truth[f"statement_{superclass}"]
        assert (shown != "").equals(clean.truth["true_superclasses"].str.contains(superclass))
        for statement, codes in zip(shown, clean.table["scp_codes"], strict=True):
            assert not statement or statement in ast.literal_eval(codes)


def test_patients_keep_to_one_fold_and_some_return(clean: Cohort) -> None:
    by_patient = clean.table.groupby("patient_id")
    assert by_patient["strat_fold"].nunique().max() == 1
    assert by_patient["sex"].nunique().max() == 1
    assert (by_patient.size() > 1).sum() > 200


def test_folds_are_balanced(clean: Cohort) -> None:
    sizes = clean.table["strat_fold"].value_counts()
    assert sorted(sizes.index) == list(range(1, 11))
    assert sizes.max() - sizes.min() <= 20
    for present in targets_of(clean.truth["given_superclasses"]).T:
        per_fold = clean.table["strat_fold"][present].value_counts()
        assert per_fold.max() - per_fold.min() <= 12


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("records", [20, 40, 60, 120])
def test_small_cohorts_are_well_formed(records: int, seed: int) -> None:
    cohort = simulate_cohort(records, seed, 0.05, 1.0)
    fold = cohort.table["strat_fold"]
    assert set(fold) == set(range(1, 11))
    assert cohort.table.groupby("patient_id")["strat_fold"].nunique().max() == 1
    given = targets_of(cohort.truth["given_superclasses"])
    for present in given.T:
        if present.sum() >= 2:
            assert present[fold == 9].any(), "validation lacks a superclass"
            assert present[fold <= 7].any(), "training lacks a superclass"


def test_age_and_sex_are_plausible(clean: Cohort) -> None:
    age = clean.table["age"]
    assert ((age <= 89) | (age == 300)).all()
    assert 55 < age.median() < 68
    assert 0.4 < clean.table["sex"].mean() < 0.56
    normal = clean.truth["true_superclasses"] == "NORM"
    assert age[normal].median() + 5 < age[~normal].median()
    assert clean.table["recording_date"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((10, 0, 0.0, 1.0), "records"),
        ((50, -1, 0.0, 1.0), "seed"),
        ((50, 0, 1.5, 1.0), "wrong_label_share"),
        ((50, 0, 0.0, float("nan")), "noise"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple[int, int, float, float], key: str) -> None:
    with pytest.raises(InputError, match=key):
        simulate_cohort(*arguments)


# --- the folder ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    simulate(out, SimulateParams(records=160, seed=5, corrupted_share=0.2))
    return out


@pytest.fixture(scope="module")
def sound_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sound")
    simulate(out, SimulateParams(records=160, seed=5, corrupted_share=0.0))
    return out


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, dtype=str)


def test_folder_is_written_alike_twice(folder: Path, tmp_path: Path) -> None:
    simulate(tmp_path, SimulateParams(records=160, seed=5, corrupted_share=0.2))
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert all((folder / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)


def test_records_are_readable_by_wfdb_and_equal_the_cohort(sound_folder: Path) -> None:
    cohort = simulate_cohort(160, 5, 0.05, 1.0)
    for row in (0, 7, 159):
        record = wfdb.rdrecord(str(sound_folder / cohort.table["filename_lr"][row]), physical=False)
        assert np.array_equal(record.d_signal, cohort.signals[row])
        assert tuple(record.sig_name) == LEADS
        assert record.checksum == record.calc_checksum()
        assert record.init_value == cohort.signals[row, 0].tolist()


def test_header_has_ptbxls_format(sound_folder: Path) -> None:
    lines = (sound_folder / "records100/00000/00001_lr.hea").read_text().split("\n")
    assert lines[0] == "00001_lr 12 100 1000"
    assert all(
        re.fullmatch(rf"00001_lr\.dat 16 1000\.0\(0\)/mV 16 0 -?\d+ \d+ 0 {name}", line)
        for line, name in zip(lines[1:13], LEADS, strict=True)
    )
    assert lines[13:] == [""]


def test_truth_lists_exactly_what_was_corrupted(folder: Path, sound_folder: Path) -> None:
    truth, sound = read(folder / "simulation_truth.csv"), read(sound_folder / "simulation_truth.csv")
    assert (sound["corruption"] == "").all()
    table, untouched = (read(root / "ptbxl_database.csv") for root in (folder, sound_folder))
    changed = set()
    for ecg_id, filename in zip(untouched["ecg_id"], untouched["filename_lr"], strict=True):
        rows = table[table["ecg_id"] == ecg_id]
        same = len(rows) == 1 and rows.iloc[0].equals(untouched[untouched["ecg_id"] == ecg_id].iloc[0])
        for suffix in (".hea", ".dat"):
            here, there = (root / (filename + suffix) for root in (folder, sound_folder))
            same &= here.exists() and here.read_bytes() == there.read_bytes()
        if not same:
            changed.add(ecg_id)
    listed = truth[truth["corruption"] != ""]
    assert set(listed["corruption"]) == {str(kind) for kind in Kind}
    mixed_up = listed[listed["corruption"] == Kind.PATIENT_IN_TWO_FOLDS]
    assert len(mixed_up) % 2 == 0, "both records of a mix-up are listed, though only one was changed"
    assert changed <= set(listed["ecg_id"])
    assert set(listed["ecg_id"]) - changed <= set(mixed_up["ecg_id"])
    unusable = len(listed) + (listed["corruption"] == Kind.DUPLICATE_ECG_ID).sum()
    assert unusable == round(0.2 * 160)


def test_ingest_refuses_exactly_the_corrupted_records(folder: Path, tmp_path: Path) -> None:
    params = IngestParams(max_quarantined=1.0, amplitude_limit_mv=20.0, reject_flat_leads=True)
    ingest(folder, tmp_path, params, workers=1)
    truth, quarantine = read(folder / "simulation_truth.csv"), read(tmp_path / "quarantine.csv")
    listed = truth[truth["corruption"] != ""]
    assert dict(zip(quarantine["ecg_id"], quarantine["reason"], strict=True)) == dict(
        zip(listed["ecg_id"], listed["corruption"], strict=True)
    )
    records = pd.read_parquet(tmp_path / "records.parquet")
    given = truth.set_index("ecg_id").loc[records["ecg_id"].astype(str), "given_superclasses"]
    assert np.array_equal(records[list(SUPERCLASSES)].to_numpy(), targets_of(given))


def test_corruption_leaves_every_fold_its_superclasses(folder: Path) -> None:
    truth, table = read(folder / "simulation_truth.csv"), read(folder / "ptbxl_database.csv")
    fold = table.drop_duplicates("ecg_id").set_index("ecg_id")["strat_fold"]
    truth["fold"] = truth["ecg_id"].map(fold)
    for superclass in SUPERCLASSES:
        has = (
            truth["given_superclasses"].str.split("+").apply(lambda names, wanted=superclass: wanted in names)
        )
        assert set(truth["fold"][has]) == set(truth["fold"][has & (truth["corruption"] == "")])
