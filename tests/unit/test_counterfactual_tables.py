from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from veribeat.counterfactual import published
from veribeat.counterfactual.evaluation import Metrics
from veribeat.counterfactual.paper_methods import PAPER_METHODS
from veribeat.counterfactual.tables import table_3, table_4, tables_7_11, tables_12_13
from veribeat.counterfactual.targets import initial_name
from veribeat.prototypes import published as published_prototypes

METRICS = ("validity", "l0_share")
PAPER = published.tables_7_13()


def counterfactuals(*rows):
    return pd.DataFrame(rows, columns=["initial", "target", "method", *METRICS])


QUERIES = counterfactuals(
    ("NORM", "MI", "sparse", 1.0, 0.5),
    ("STTC", "MI", "sparse", 1.0, 0.7),
    ("STTC", "MI", "sparse", 0.0, 0.9),
    ("NORM", "HYP", "sparse", 0.0, np.nan),
    ("CD+MI", "HYP", "sparse", 1.0, 0.1),
    ("CD+NORM", "NORM", "sparse", 1.0, 0.1),
    ("HYP+MI+STTC", "NORM", "beat_sparse", 1.0, 0.2),
    ("none", "MI", "sparse", 1.0, 0.3),
)


def cell(table, **wanted):
    found = table
    for column, value in wanted.items():
        found = found[found[column] == value]
    assert len(found) == 1
    return found.iloc[0]


def printed(initial, target, method, metric):
    return cell(PAPER, initial=initial, target=target, method=method, metric=metric)["paper"]


def test_label_sets_are_written_in_alphabetical_order():
    assert initial_name(["MI", "CD"]) == "CD+MI"
    assert initial_name([]) == "none"
    assert all(initial_name(name.split("+")) == name for name in published.QUERIES)


def test_table_3_by_hand():
    table = table_3(QUERIES, METRICS, beside_paper=True)
    row = cell(table, metric="validity", method="sparse")
    assert (row["n"], row["targets"]) == (4, 2)
    assert row["micro"] == 2 / 4
    assert row["macro"] == pytest.approx((2 / 3 + 0) / 2)
    assert (row["paper"], row["difference"]) == (1.0, -0.5)
    assert row["macro_difference"] == pytest.approx(1 / 3 - 1)


def test_the_papers_macro_is_over_the_targets_that_we_have():
    aligned = counterfactuals(*[("NORM", target, "aligned_sparse", 1, 1) for target in ("CD", "HYP")])
    row = cell(table_3(aligned, METRICS, beside_paper=True), metric="validity", method="aligned_sparse")
    assert row["paper_macro"] == pytest.approx((0.798 + 0.132) / 2)
    everything = counterfactuals(*[("NORM", target, "aligned_sparse", 1, 1) for target in published.TARGETS])
    row = cell(table_3(everything, METRICS, beside_paper=True), metric="validity", method="aligned_sparse")
    assert row["paper_macro"] == pytest.approx(0.650)


def test_means_are_over_invalid_counterfactuals_too_and_leave_out_what_is_undefined():
    table = table_4(QUERIES, METRICS, beside_paper=True)
    row = cell(table, metric="l0_share", method="sparse", target="MI")
    assert (row["n"], row["ours"]) == (3, pytest.approx(0.7))
    assert row["difference"] == pytest.approx(0.7 - 0.747)
    undefined = cell(table, metric="l0_share", method="sparse", target="HYP")
    assert undefined["n"] == 0
    assert np.isnan(undefined["ours"])
    assert undefined["paper"] == 0.797


def test_table_4_has_the_papers_rows_in_its_order():
    table = table_4(QUERIES, METRICS, beside_paper=True)
    expected = [(x, m, t) for x in METRICS for m in published.METHODS for t in published.TARGETS]
    assert list(table[["metric", "method", "target"]].itertuples(index=False, name=None)) == expected


def test_every_initial_class_has_its_targets_beside_the_papers():
    table = tables_7_11(QUERIES, METRICS, beside_paper=True)
    row = cell(table, initial="STTC", target="MI", method="sparse", metric="l0_share")
    assert (row["n"], row["ours"], row["paper"], row["paper_n"]) == (2, pytest.approx(0.8), 0.7479, 148)
    assert table["initial"].unique().tolist() == ["NORM", "STTC", "CD", "MI", "HYP"]
    assert len(table) == 5 * 4 * 3 * len(METRICS)


def test_combinations_that_only_we_have_follow_those_of_the_paper():
    table = tables_12_13(QUERIES, METRICS, beside_paper=True)
    assert table["initial"].unique().tolist() == [*list(published.QUERIES)[5:], "HYP+MI+STTC"]
    ours = cell(table, initial="HYP+MI+STTC", metric="validity")
    assert (ours["n"], ours["ours"]) == (1, 1.0)
    assert ours[["paper", "difference", "paper_n"]].isna().all()
    both = cell(table, initial="CD+MI", target="HYP", method="sparse", metric="l0_share")
    assert (both["ours"], both["paper"], both["paper_n"]) == (0.1, 0.9080, 74)
    to_one_of_its_own = cell(table, initial="CD+NORM", target="NORM", metric="validity")
    assert to_one_of_its_own["n"] == 1


def test_without_the_paper_there_are_our_cells_only():
    three = table_3(QUERIES, METRICS, beside_paper=False)
    assert three["method"].tolist() == ["sparse", "sparse"]
    assert three[["paper", "difference", "paper_macro", "macro_difference"]].isna().all(axis=None)
    initial = tables_7_11(QUERIES, METRICS, beside_paper=False)
    assert (initial["n"] > 0).all()
    assert initial[["paper", "paper_n"]].isna().all(axis=None)


def test_metrics_are_those_asked_for_in_that_order():
    table = table_3(QUERIES, ("l0_share", "validity"), beside_paper=True)
    assert table["metric"].tolist() == ["l0_share"] * 3 + ["validity"] * 3


@pytest.mark.parametrize(("beside_paper", "rows"), [(True, 2 * 3 * 5), (False, 0)])
def test_no_counterfactual_at_all(beside_paper, rows):
    nothing = QUERIES.iloc[:0]
    table = table_4(nothing, METRICS, beside_paper=beside_paper)
    assert len(table) == rows
    assert (table["n"] == 0).all()
    summary = table_3(nothing, METRICS, beside_paper=beside_paper)
    assert (summary["targets"] == 0).all()
    assert summary["macro"].isna().all()


def test_the_order_of_counterfactuals_does_not_matter():
    pd.testing.assert_frame_equal(
        tables_12_13(QUERIES[::-1], METRICS, beside_paper=True),
        tables_12_13(QUERIES, METRICS, beside_paper=True),
    )


def test_published_names_are_ours():
    assert published.METHODS == PAPER_METHODS
    names = {field.name for field in fields(Metrics)}
    assert set(published.table_3()["metric"]) <= names
    assert set(published.METRICS) <= names


def test_published_tables_are_whole():
    cells = PAPER[["initial", "target"]].drop_duplicates()
    per_initial = cells.groupby("initial").size()
    assert [per_initial[name] for name in published.QUERIES] == [4] * 5 + [3] * 7 + [1]
    assert list(dict.fromkeys(PAPER["initial"])) == list(published.QUERIES)
    assert not any(
        target in initial.split("+") for initial, target in cells.itertuples(index=False, name=None)
    )
    assert len(PAPER) == 42 * 12
    assert PAPER["paper"].between(0, 1).all()
    safe = PAPER[PAPER["method"].isin(["original", "sparse"])]
    assert (safe.loc[safe["metric"].isin(["validity", "noise_stability"]), "paper"] == 1).all()


@pytest.mark.parametrize(
    ("initial", "target", "method", "metric", "value"),
    [
        ("NORM", "CD", "original", "l0_share", 0.9871),
        ("STTC", "HYP", "aligned_sparse", "predicted_margin", 0.4431),
        ("HYP", "STTC", "sparse", "predicted_margin", 0.6205),
        ("CD+MI", "HYP", "aligned_sparse", "noise_stability", 0.8),
        ("NORM+STTC", "MI", "aligned_sparse", "predicted_margin", 0.8757),
    ],
)
def test_cells_of_the_paper(initial, target, method, metric, value):
    assert printed(initial, target, method, metric) == value


def test_table_3_is_table_4_over_an_uneven_mix_of_targets():
    mix = pd.Series({"CD": 0.1035, "HYP": 0.0364, "MI": 0.4697, "NORM": 0.2056, "STTC": 0.1848})
    by_target = published.table_4().pivot(index=["metric", "method"], columns="target", values="paper")
    overall = published.table_3().set_index(["metric", "method"])["paper"]
    rebuilt = by_target[mix.index] @ mix
    np.testing.assert_allclose(rebuilt, overall[rebuilt.index], atol=0.0006)
    assert by_target.loc[("validity", "aligned_sparse")].mean() == pytest.approx(0.650)


def test_the_papers_means_are_not_over_valid_counterfactuals():
    mix = pd.Series({"CD": 0.1035, "HYP": 0.0364, "MI": 0.4697, "NORM": 0.2056, "STTC": 0.1848})
    aligned = (
        published.table_4()
        .query("method == 'aligned_sparse'")
        .pivot(index="metric", columns="target", values="paper")
    )
    valid = mix * aligned.loc["validity"]
    assert (valid * aligned.loc["predicted_margin"]).sum() / valid.sum() == pytest.approx(0.736, abs=0.0005)
    assert (valid * aligned.loc["l0_share"]).sum() / valid.sum() == pytest.approx(0.764, abs=0.0005)
    cells = PAPER[PAPER["method"] == "aligned_sparse"].pivot(
        index=["initial", "target"], columns="metric", values="paper"
    )
    none_valid = cells[cells["validity"] == 0]
    assert len(none_valid) == 4
    assert none_valid["predicted_margin"].min() == 0.381


def test_the_papers_queries_are_not_its_denominators():
    def whole(share, queries):
        return round(round(share * queries) / queries, 4) == share

    single = PAPER.query("metric == 'validity' and method == 'aligned_sparse'").head(20)
    fits = [whole(row.paper, published.QUERIES[row.initial]) for row in single.itertuples()]
    assert fits.count(False) == 11
    total = sum(published.QUERIES[name] for name in single["initial"].unique())
    assert total == 963
    assert not whole(0.8126, total)
    crossed = np.average(single["paper"], weights=single["initial"].map(published.QUERIES))
    assert crossed == pytest.approx(0.621, abs=0.0005)


def test_published_prototypes_add_up():
    assert sum(published_prototypes.CANDIDATES.values()) == 947
    assert sum(published_prototypes.CLUSTERS.values()) == 27
    pairs = sum(n * (n - 1) // 2 for n in published_prototypes.CANDIDATES.values())
    assert pairs == 122_504
