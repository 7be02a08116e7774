import numpy as np
import pytest

from veribeat.black_box import BlackBox
from veribeat.errors import InputError
from veribeat.rules.phar import RuleSettings, make_rule
from veribeat.rules.trial import BATCH, uniform_batches

BOX = RuleSettings(interval="box", perturbation="uniform", samples=1000, bisections=5)
HULL = RuleSettings(interval="hull", perturbation="uniform", samples=1000, bisections=5)
SIGMA = np.ones((1000, 12))
SEED = (1, 57, 0)

FIRST, SECOND = (100, 1), (700, 6)


def important(*features):
    mask = np.zeros((1000, 12), dtype=bool)
    for feature in features:
        mask[feature] = True
    return mask


def flat(value=0.0):
    return np.full((1000, 12), value, dtype=np.float32)


def model(changes):
    """NORM always; HYP as well where `changes` (signals -> (B,) bool) says so."""

    def probabilities(signals):
        p = np.zeros((len(signals), 5), dtype=np.float32)
        p[:, 0] = 1
        p[:, 4] = changes(signals)
        return p

    return BlackBox(probabilities, np.full(5, 0.5))


def value_at(signals, feature):
    return signals[(slice(None), *feature)]


NEVER = model(lambda signals: np.zeros(len(signals), dtype=bool))


def test_a_box_reaches_one_sigma_where_nothing_changes():
    sigma = SIGMA.copy()
    sigma[FIRST] = 0.25
    rule = make_rule(flat(0.5), important(FIRST, SECOND), sigma, NEVER, BOX, SEED)
    assert (rule.kept, rule.reason, rule.scale, rule.precision) == (True, "", 1.0, 1.0)
    assert list(zip(rule.times, rule.leads, strict=True)) == [FIRST, SECOND]
    assert rule.low_mv == pytest.approx([0.25, -0.5])
    assert rule.high_mv == pytest.approx([0.75, 1.5])
    assert rule.forwards == 1 + 3 * 1000  # the record, and three draws


@pytest.mark.parametrize(("edge", "scale"), [(0.4, 12 / 32), (0.8, 25 / 32), (0.04, 1 / 32)])
def test_a_box_ends_before_another_label_appears(edge, scale):
    beyond = model(lambda signals: value_at(signals, FIRST) > edge)
    rule = make_rule(flat(), important(FIRST, SECOND), SIGMA, beyond, BOX, SEED)
    assert rule.scale == scale
    assert rule.high_mv == pytest.approx([scale, scale])
    assert rule.precision == 1.0


def test_no_scale_no_rule():
    at_once = model(lambda signals: value_at(signals, FIRST) > 0.001)
    rule = make_rule(flat(), important(FIRST), SIGMA, at_once, BOX, SEED)
    assert not rule.kept
    assert rule.reason == "labels change within sigma_f / 32"
    assert np.isnan([rule.scale, rule.precision, *rule.low_mv, *rule.high_mv]).all()
    assert rule.forwards == 1 + 6 * BATCH  # each scale fails in its first batch


def test_no_important_feature_no_rule():
    rule = make_rule(flat(), important(), SIGMA, NEVER, BOX, SEED)
    assert (rule.kept, rule.reason, rule.forwards) == (False, "no feature is important", 0)


class Forgetful:
    """A model that lets everything pass until it has seen `patience` records, and `edge` at most from there on."""

    def __init__(self, patience, edge):
        self.patience, self.edge, self.seen = patience, edge, 0

    def __call__(self, signals):
        self.seen += len(signals)
        return (self.seen > self.patience) & (value_at(signals, FIRST) > self.edge)


def test_a_box_that_its_confirmation_refutes_shrinks_until_it_holds():
    refuted = model(Forgetful(patience=1001, edge=0.9))
    rule = make_rule(flat(), important(FIRST), SIGMA, refuted, BOX, SEED)
    assert rule.scale == 28 / 32
    assert rule.precision == 1.0


def test_the_third_draw_judges_and_changes_nothing():
    disputed = model(Forgetful(patience=2001, edge=0.5))
    rule = make_rule(flat(), important(FIRST), SIGMA, disputed, BOX, SEED)
    assert rule.scale == 1.0
    assert rule.precision == pytest.approx(0.75, abs=0.05)  # 0.5 to 1 is a quarter of -1 to 1


def test_a_hull_is_the_range_of_the_survivors():
    beyond = model(lambda signals: value_at(signals, FIRST) > 0.4)
    rule = make_rule(flat(), important(FIRST, SECOND), SIGMA, beyond, HULL, SEED)
    draw = np.concatenate(list(uniform_batches(1000, 2, [*SEED, 0])))
    survivors = draw[draw[:, 0] <= 0.4]
    assert rule.low_mv == pytest.approx(survivors.min(axis=0), abs=1e-6)
    assert rule.high_mv == pytest.approx(survivors.max(axis=0), abs=1e-6)
    assert (rule.low_mv < survivors.min(axis=0)).all()  # each survivor is in (low, high]
    assert np.isnan(rule.scale)
    assert rule.precision == 1.0
    assert rule.forwards == 1 + 2 * 1000


def test_a_hull_may_be_wrong_where_a_box_is_not():
    corner = model(lambda signals: (value_at(signals, FIRST) > 0.3) & (value_at(signals, SECOND) > 0.3))
    hull, box = (make_rule(flat(), important(FIRST, SECOND), SIGMA, corner, how, SEED) for how in (HULL, BOX))
    assert hull.high_mv.min() > 0.9
    assert hull.precision == pytest.approx(1 - 0.35**2, abs=0.04)
    assert (box.precision, box.scale) == (1.0, pytest.approx(0.3, abs=2 / 32))


def test_a_hull_without_survivors_is_none():
    other = model(lambda signals: value_at(signals, FIRST) != 0)
    rule = make_rule(flat(), important(FIRST), SIGMA, other, HULL, SEED)
    assert (rule.kept, rule.reason) == (False, "every perturbed record changes its labels")
    assert np.isnan(rule.low_mv).all()


def test_gaussian_noise_has_the_given_sigma_and_no_bounds():
    gaussian = RuleSettings("hull", "gaussian", samples=1000, bisections=5)
    rule = make_rule(flat(), important(FIRST), 0.2 * SIGMA, NEVER, gaussian, SEED)
    assert 0.5 < rule.high_mv[0] < 1.0  # the largest of 1000 normal values is about 3.2 sigma
    with pytest.raises(InputError, match="A box needs uniform perturbations"):
        RuleSettings("box", "gaussian", samples=1000, bisections=5)


@pytest.mark.parametrize("settings", [BOX, HULL])
def test_the_record_satisfies_its_rule_even_without_spread(settings):
    rule = make_rule(flat(0.3), important(FIRST), 0 * SIGMA, NEVER, settings, SEED)
    assert rule.low_mv[0] < np.float32(0.3) <= rule.high_mv[0]


@pytest.mark.parametrize("settings", [BOX, HULL])
def test_only_important_features_move_and_all_of_them_within_sigma(settings):
    signal = np.random.default_rng(2).normal(size=(1000, 12)).astype(np.float32)
    mask = important(FIRST, SECOND)
    sizes, moved = [], []

    def watch(signals):
        sizes.append(len(signals))
        moved.append(np.abs(signals - signal).max(axis=0))
        return np.zeros(len(signals), dtype=bool)

    make_rule(signal, mask, 0.1 * SIGMA, model(watch), settings, SEED)
    assert max(sizes) == BATCH
    furthest = np.max(moved, axis=0)
    assert (furthest[~mask] == 0).all()
    assert furthest[mask] == pytest.approx([0.1, 0.1], abs=0.001)


@pytest.mark.parametrize("settings", [BOX, HULL])
def test_a_rule_depends_on_its_seed_alone(settings):
    beyond = model(lambda signals: value_at(signals, FIRST) + value_at(signals, SECOND) > 0.5)

    def made(seed):
        rule = make_rule(flat(), important(FIRST, SECOND), SIGMA, beyond, settings, seed)
        return rule.low_mv.tobytes(), rule.precision, rule.forwards

    assert made(SEED) == made(SEED)
    assert len({made((1, ecg_id, 0)) for ecg_id in range(10)}) > 1


def test_uniform_draws_fill_their_range_in_batches():
    batches = list(uniform_batches(300, 40, [5]))
    assert [len(batch) for batch in batches] == [128, 128, 44]
    values = np.concatenate(batches)
    assert values.dtype == np.float32
    assert -1 <= values.min() < -0.99
    assert 0.99 < values.max() < 1
