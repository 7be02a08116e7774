import pandas as pd
import pytest

from veribeat.counterfactual.discussion import discussion
from veribeat.counterfactual.tables import table_3, table_4

METRICS = (
    "validity",
    "share_changed",
    "mean_abs_mv",
    "noise_stability",
    "temporal_stability",
    "shift_kept",
    "predicted_margin",
    "target_margin",
)
PLENTY = {"NORM": 6, "MI": 4}
RECORDS = {"NORM": 300, "MI": 100}


def cohort(
    original=(1.0, 0.98, 9.0, 1.0, 0.5, 0.9, 0.6),
    sparse=(1.0, 0.8, 9.0, 1.0, 0.5, 0.9, 0.5),
    aligned=(1.0, 0.7, 9.0, 0.9, 0.7, 0.8, 0.4),
    aligned_validity=(0.2, 0.9),
):
    """Ten queries each of STTC and CD, for HYP and MI. Both margins are the last value; aligned differs in validity."""
    rows = []
    for initial in ("STTC", "CD"):
        for target, validity in zip(("HYP", "MI"), aligned_validity, strict=True):
            for query in range(10):
                valid = float(query < round(10 * validity))
                rows += [
                    (initial, target, "original", *original, original[-1]),
                    (initial, target, "sparse", *sparse, sparse[-1]),
                    (initial, target, "aligned_sparse", valid, *aligned[1:], aligned[-1]),
                ]
    return pd.DataFrame(rows, columns=["initial", "target", "method", *METRICS])


def discuss(
    counterfactuals=None,
    beside_paper=True,
    prototypes=PLENTY,
    candidates=RECORDS,
    attribution_error=None,
    rule_precision=None,
):
    made = cohort() if counterfactuals is None else counterfactuals
    return discussion(
        table_3(made, METRICS, beside_paper=beside_paper),
        table_4(made, METRICS, beside_paper=beside_paper),
        prototypes,
        candidates,
        attribution_error,
        rule_precision,
    )


def only(sentences, part):
    """The one sentence that contains `part`."""
    found = [sentence for sentence in sentences if part in sentence]
    assert len(found) == 1, sentences
    return found[0]


def test_winners_change_with_the_numbers():
    assert only(discuss(), "Best on average") == (
        "Best on average over targets: validity original and sparse (1.000); share changed aligned sparse (0.700); "
        "noise stability original and sparse (1.000); target margin original (0.600)."
    )
    better = cohort(aligned=(1, 0.85, 9.0, 1.0, 0.7, 0.8, 0.7))
    assert only(discuss(better), "Best on average").endswith(
        "share changed sparse (0.800); target margin aligned sparse (0.700)."
    )


def test_a_method_by_itself_wins_nothing():
    alone = cohort().query("method == 'aligned_sparse'")
    assert not any("Best on average" in sentence for sentence in discuss(alone))


def test_validity_by_construction_is_said_only_where_it_holds():
    assert only(discuss(), "by construction").startswith("Validity of original and sparse is 1 ")
    broken = discuss(cohort(sparse=(0.95, 0.8, 9.0, 1.0, 0.5, 0.9, 0.5)))
    assert only(broken, "is 1 by construction").startswith("Validity of original is 1 ")
    assert only(broken, "should be 1").startswith(
        "Validity of sparse should be 1 by construction and is 0.950"
    )


def test_the_target_that_a_method_fails_for_is_named():
    assert only(discuss(), "Aligned sparse") == (
        "Aligned sparse fails more often than not for HYP (0.200 of 20 valid); "
        "it does best for MI (0.900 of 20 valid)."
    )
    assert only(discuss(cohort(aligned_validity=(0.9, 0.4))), "fails").startswith(
        "Aligned sparse fails more often than not for MI (0.400 of 20 valid)"
    )
    reached = discuss(cohort(aligned_validity=(0.6, 0.9)))
    assert not any("fails" in sentence for sentence in reached)
    assert "it does worst for HYP (0.600 of 20 valid)" in only(reached, "reaches every target")


def test_the_papers_micro_mean_is_set_right():
    assert only(discuss(), "uneven mix") == (
        "[CF]'s validity of 0.813 for aligned sparse is a mean over an uneven mix of targets: "
        "over 2 with equal weights its Table 4 gives 0.560, ours 0.550."
    )


def test_differences_from_the_paper_are_counted_and_the_largest_named():
    sentences = discuss()
    means = only(sentences, "means of [CF]")
    assert means.startswith("Of 15 means of [CF]")
    assert (
        ", 6 differ from ours by more than 0.05,"
        " most of all predicted margin of aligned sparse 0.400, not 0.606 (-0.206);" in means
    )
    assert "mean abs" not in means  # in which unit the paper has it is not known
    cells = only(sentences, "Table 4, ")
    assert "most of all predicted margin of aligned sparse for MI 0.400, not 0.900 (-0.500)" in cells


def test_agreement_with_the_paper_is_said():
    like_the_paper = pd.DataFrame(
        {
            "metric": ["validity"],
            "method": ["sparse"],
            "target": ["MI"],
            "n": [9],
            "ours": [0.96],
            "paper": [1.0],
        }
    )
    nothing = table_3(cohort(), METRICS, beside_paper=True).iloc[:0]
    sentences = discussion(nothing, like_the_paper, PLENTY, RECORDS, None, None)
    assert sentences == ["All 1 cells of [CF]'s Table 4 agree with ours within 0.05."]
    like_the_paper["ours"] = 0.94
    far = discussion(nothing, like_the_paper, PLENTY, RECORDS, None, None)
    assert "1 differ" in far[0]


def test_margins_that_no_threshold_allows():
    assert only(discuss(), "cannot be reproduced").startswith(
        "[CF]'s largest margins for MI cannot be reproduced"
    )
    to_hyp = cohort().query("target == 'HYP'")
    assert not any("cannot be reproduced" in sentence for sentence in discuss(to_hyp))


def test_temporal_stability_is_questioned_where_the_model_disagrees():
    assert "favours aligned sparse (0.700), but original keeps" in only(discuss(), "Temporal stability")
    agreed = cohort(aligned=(1, 0.7, 9.0, 0.9, 0.7, 0.95, 0.4))
    assert not any("padding" in sentence for sentence in discuss(agreed))
    tied = cohort(aligned=(1, 0.7, 9.0, 0.9, 0.7, 0.9, 0.4))
    assert not any("padding" in sentence for sentence in discuss(tied))


def test_classes_with_few_or_no_prototypes():
    few = discuss(prototypes={"NORM": 6, "MI": 0, "HYP": 1}, candidates={"NORM": 300, "MI": 0, "HYP": 7})
    assert only(few, "no prototype") == "No counterfactual is towards MI: there is no prototype."
    assert only(few, "fewer than") == "Prototypes were chosen from fewer than 30 records for HYP (1 from 7)."
    assert not any("rototypes" in sentence for sentence in discuss())


@pytest.mark.parametrize(("error", "warned"), [(0.4, True), (0.1, False)])
def test_noise_of_attributions(error, warned):
    sentence = only(discuss(attribution_error=error), "Monte-Carlo")
    assert f"{100 * error:.0f} %" in sentence
    assert ("not single samples" in sentence) == warned


@pytest.mark.parametrize(
    ("precision", "verdict"), [(0.991, "rules hold: 99.1 %"), (0.8, "do not hold reliably: 80.0 %")]
)
def test_precision_of_rules(precision, verdict):
    assert verdict in only(discuss(rule_precision=precision), "rules")


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_what_was_not_measured_is_not_mentioned(missing):
    sentences = discuss(attribution_error=missing, rule_precision=missing)
    assert not any("Monte-Carlo" in sentence or "rules" in sentence for sentence in sentences)


def test_a_simulated_cohort_is_not_compared():
    sentences = discuss(beside_paper=False)
    assert not any("[CF]" in sentence for sentence in sentences)
    assert only(sentences, "fails")


@pytest.mark.parametrize("beside_paper", [True, False])
def test_nothing_gives_no_sentence(beside_paper):
    assert discuss(cohort().iloc[:0], beside_paper, {}, {}) == []


def test_tables_without_a_metric_do_without_its_sentence():
    bare = cohort()[["initial", "target", "method", "validity"]]
    sentences = discussion(
        table_3(bare, ["validity"], beside_paper=True),
        table_4(bare, ["validity"], beside_paper=True),
        PLENTY,
        RECORDS,
        None,
        None,
    )
    assert only(sentences, "fails")
    assert not any("margin" in sentence or "stability" in sentence for sentence in sentences)


def test_the_whole_stays_short():
    many = discuss(attribution_error=0.3, rule_precision=0.99, prototypes={"HYP": 1}, candidates={"HYP": 7})
    assert len(many) == 11
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in many)
