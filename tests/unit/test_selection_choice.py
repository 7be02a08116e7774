"""Which records of a batch are kept, and when a strategy selects."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.selection.choice import Seen, Selection, at_least_two, filter_candidates, keep_best
from models.selection.phases import Phases
from models.selection.registry import NAMES, build_strategy
from models.selection.state import SampleState
from veribeat.errors import InputError

PDD = {"warm_up": 1, "revision": 0.9, "confidence": "mean", "threshold": 0.5, "keep": 0.5}
ERTS = {**PDD, "cam": "hires_cam", "focus": "topk_mass"}
SETTINGS: dict[str, dict[str, object]] = {
    "full": {},
    "random": {"sizes": [4, 4]},
    "infobatch": {},
    "erts": ERTS,
    **dict.fromkeys(("pdd", "pdd_random", "pdd_confidence", "quality"), PDD),
}


def _seen(confidence: list[float], focus: list[float] | None = None, labels: list[int] | None = None) -> Seen:
    records = len(confidence)
    targets = np.zeros((records, 5), dtype=bool)
    for record, label in enumerate(labels or [0] * records):
        if label >= 0:
            targets[record, label] = True
    return Seen(
        np.arange(records),
        targets,
        np.array(confidence, dtype=np.float32),
        np.array(focus or [1.0] * records, dtype=np.float32),
    )


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _places(mask: NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(mask).tolist()


def test_the_best_share_is_rounded_up_and_ties_go_to_the_first() -> None:
    assert _places(keep_best(np.array([0.1, 0.9, 0.9, 0.9]), 0.5)) == [1, 2]
    assert keep_best(np.zeros(10), 0.7).sum() == 7
    assert keep_best(np.zeros(3), 0.7).sum() == 3
    assert keep_best(np.zeros(0), 0.7).sum() == 0


def test_the_filter_keeps_the_best_and_says_why_others_are_gone() -> None:
    seen = _seen([0.9, 0.1, 0.2, 0.3, 0.4], focus=[1.0, 0.1, 0.9, 0.8, 0.2])
    candidates = seen.confidence < 0.5
    chosen = filter_candidates(seen, candidates, (1 - seen.confidence) * seen.focus, 0.5, None)
    assert _places(chosen.kept) == [2, 3]
    assert _places(chosen.dropped) == [1, 4]
    assert not chosen.rescued.any()


def test_each_class_among_the_candidates_keeps_its_best() -> None:
    seen = _seen([0.1] * 6, labels=[0, 0, 0, 1, 1, 2])
    score = np.array([0.9, 0.8, 0.7, 0.3, 0.4, 0.1])
    chosen = filter_candidates(seen, np.ones(6, dtype=bool), score, 0.5, None)
    assert _places(chosen.kept) == [0, 1, 2, 4, 5]
    assert _places(chosen.rescued) == [4, 5]
    assert _places(chosen.dropped) == [3]


def test_what_cannot_be_judged_passes_and_takes_no_place() -> None:
    seen = _seen([0.1] * 5, labels=[0, 0, 0, 0, -1])
    score = np.array([np.nan, 0.5, 0.4, 0.3, 0.9])
    chosen = filter_candidates(seen, np.ones(5, dtype=bool), score, 1 / 3, None)
    assert _places(chosen.kept) == [0, 1, 4]  # no map, the best of three, no label


def test_a_gate_drops_what_ranks_high_without_focus() -> None:
    seen = _seen([0.1, 0.1, 0.1], focus=[0.05, 0.3, 0.3], labels=[0, 1, 1])
    chosen = filter_candidates(seen, np.ones(3, dtype=bool), np.array([0.9, 0.5, 0.4]), 1.0, 0.2)
    assert _places(chosen.kept) == [0, 1, 2]  # the first is the only one of its class, so it is rescued
    assert _places(chosen.rescued) == [0]
    chosen = filter_candidates(seen, np.ones(3, dtype=bool), np.array([0.9, 0.5, 0.4]), 1.0, 0.31)
    assert _places(chosen.rescued) == [0, 1]
    assert _places(chosen.dropped) == [2]


def test_no_batch_is_left_with_fewer_than_two() -> None:
    seen = _seen([0.9, 0.8, 0.7])
    nothing = np.zeros(3, dtype=bool)
    assert _places(at_least_two(seen, Selection.of_kept(nothing)).kept) == [1, 2]
    assert _places(at_least_two(_seen([0.9]), Selection.of_kept(np.zeros(1, dtype=bool))).kept) == [0]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.integers(-1, 4)),
        min_size=2,
        max_size=40,
    ),
    st.floats(0.1, 1.0),
)
def test_every_candidate_is_kept_or_dropped_and_nothing_else_is(
    records: list[tuple[float, float, int]], share: float
) -> None:
    confidence, focus, labels = (list(column) for column in zip(*records, strict=True))
    seen = _seen(confidence, focus, labels)
    candidates = seen.confidence < 0.5
    chosen = filter_candidates(seen, candidates, 1 - seen.confidence, share, None)
    assert chosen.kept.sum() >= 2
    assert not (chosen.kept & chosen.dropped).any()
    assert (candidates <= (chosen.kept | chosen.dropped)).all()
    assert (chosen.rescued <= chosen.kept).all()
    for label in range(5):
        if (candidates & seen.targets[:, label]).any():
            assert (chosen.kept & seen.targets[:, label]).any()


def test_phases_in_epochs_and_in_shares_of_the_run() -> None:
    released = Phases(5, 3, 50)
    names = [released.of(epoch, 100) for epoch in (0, 4, 5, 7, 8, 49, 50, 99)]
    assert names == ["full", "full", *["undecided"] * 2, *["filtered"] * 2, *["revision"] * 2]
    shares = Phases(0.05, 0.03, 0.5)
    assert [shares.of(epoch, 100) for epoch in range(100)] == [
        released.of(epoch, 100) for epoch in range(100)
    ]
    assert [Phases(1, 0, 1.0).of(epoch, 3) for epoch in range(3)] == ["full", "filtered", "filtered"]
    assert [Phases(0, 0, 1).of(epoch, 3) for epoch in range(3)] == ["filtered", "revision", "revision"]


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_maps_a_name_to_the_module_of_that_name(name: str) -> None:
    """Stages do not depend on the registry's text, so it must not be free to choose."""
    assert type(build_strategy(name, **SETTINGS[name])).__module__ == f"models.selection.strategies.{name}"


def test_an_unknown_strategy_is_one_sentence() -> None:
    with pytest.raises(InputError, match="Unknown selection strategy 'best': choose one of full, random"):
        build_strategy("best")


def test_pdd_keeps_what_is_not_learnt_and_what_was_never_seen() -> None:
    pdd = build_strategy("pdd", **PDD)
    pdd.begin(1, 10, SampleState(4), _random())
    kept = pdd.select(_seen([0.49, 0.5, float("nan"), 0.1]), "undecided", _random()).kept
    assert _places(kept) == [0, 2, 3]


def test_a_quantile_is_of_all_latest_confidences() -> None:
    pdd = build_strategy("pdd", **{**PDD, "threshold": None, "quantile": 0.25})
    state = SampleState(9)
    state.confidence[:8] = SampleState(8).confidence_sum + 0.1
    state.confidence[:8] *= np.arange(8)
    pdd.begin(1, 10, state, _random())
    assert _places(pdd.select(_seen([0.17, 0.18, 0.1]), "undecided", _random()).kept) == [0, 2]


def test_filters_rank_by_what_they_are_named_after() -> None:
    seen = _seen([0.1, 0.2, 0.3, 0.4], focus=[0.1, 0.2, 0.9, 0.8])
    kept = {}
    for name in ("pdd", "pdd_confidence", "erts"):
        strategy = build_strategy(name, **SETTINGS[name])
        strategy.begin(1, 10, SampleState(4), _random())
        kept[name] = _places(strategy.select(seen, "filtered", _random()).kept)
    assert kept == {"pdd": [0, 1, 2, 3], "pdd_confidence": [0, 1], "erts": [2, 3]}


def test_the_random_filter_has_no_favourites() -> None:
    strategy = build_strategy("pdd_random", **PDD)
    strategy.begin(1, 10, SampleState(4), _random())
    random, counts = _random(), np.zeros(4)
    for _ in range(400):
        counts += strategy.select(_seen([0.1, 0.2, 0.3, 0.4]), "filtered", random).kept
    assert counts.min() > 150  # 200 but for the rescue, which takes the best-scored: random, too
    assert counts.sum() == 800


def test_random_draws_as_many_as_it_is_told() -> None:
    strategy = build_strategy("random", sizes=[10, 6])
    assert [strategy.phase(epoch, 3) for epoch in range(3)] == ["undecided", "undecided", "full"]
    drawn = []
    for seed in range(2):
        strategy.begin(1, 3, SampleState(10), np.random.default_rng(seed))
        seen = _seen([0.5] * 10)
        drawn.append(strategy.select(seen, "undecided", _random()).kept)
        assert drawn[-1].sum() == 6
    assert not np.array_equal(*drawn)


def test_infobatch_keeps_the_expected_gradient() -> None:
    strategy = build_strategy("infobatch", prune=0.5, anneal=0.75)
    assert [strategy.phase(epoch, 4) for epoch in range(4)] == ["full", "undecided", "undecided", "revision"]
    state = SampleState(2000)
    state.loss[:1500], state.loss[1500:] = 0.1, 1.0
    strategy.begin(1, 4, state, _random())
    chosen = strategy.select(_seen([0.5] * 2000), "undecided", _random())
    assert chosen.weights is not None
    assert chosen.kept[1500:].all()
    assert (chosen.weights[1500:] == 1).all()
    assert (chosen.weights[:1500] == 2).all()
    assert 0.45 < chosen.kept[:1500].mean() < 0.55


def test_a_gate_may_be_a_quantile_of_the_latest_focus() -> None:
    erts = build_strategy("erts", **ERTS, lowest_quantile=0.5)
    state = SampleState(5)
    state.focus[:4] = SampleState(4).focus_sum + 0.1 * np.array([1, 2, 3, 4], dtype=np.float32)
    erts.begin(1, 10, state, _random())
    assert erts.lowest_focus() == pytest.approx(0.25)  # type: ignore[attr-defined]
