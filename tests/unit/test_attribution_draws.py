import numpy as np
import pytest

from veribeat.attribution.base import batch_size
from veribeat.attribution.draws import make_draws
from veribeat.errors import InputError


def test_each_replicate_has_one_alpha_per_stratum():
    draws = make_draws(200, 10, 500, "stratified", (1, 17))
    assert draws.replicates.tolist() == np.repeat(np.arange(10), 20).tolist()
    strata = np.floor(draws.alphas.reshape(10, 20) * 20)
    assert (strata == np.arange(20)).all()
    assert len(np.unique(draws.alphas * 20 % 1)) == 200  # and somewhere in it, each for itself


def test_antithetic_alphas_mirror_each_other_in_mirrored_strata_of_one_replicate():
    draws = make_draws(200, 10, 500, "antithetic", (1, 17))
    assert draws.replicates.tolist() == np.repeat(np.arange(10), 20).tolist()
    alphas = draws.alphas.reshape(10, 20)
    assert (np.floor(alphas * 20) == np.arange(20)).all()
    np.testing.assert_allclose(alphas + alphas[:, ::-1], 1, rtol=1e-15)
    assert len(np.unique(alphas[:, :10] * 20 % 1)) == 100  # half of them are free


@pytest.mark.parametrize("sampling", ["stratified", "antithetic"])
def test_no_background_is_drawn_twice_while_they_last(sampling):
    assert len(np.unique(make_draws(200, 10, 200, sampling, (1, 17)).backgrounds)) == 200
    scarce = make_draws(200, 10, 30, sampling, (1, 17))
    times = np.bincount(scarce.backgrounds, minlength=30)
    assert set(times.tolist()) == {6, 7}
    assert len(np.unique(scarce.backgrounds[:30])) == 30


def test_random_draws_repeat_backgrounds_and_are_spread_evenly():
    draws = make_draws(20000, 10, 50, "random", (1, 17))
    assert np.bincount(draws.backgrounds, minlength=50) == pytest.approx(400, rel=0.25)
    assert np.histogram(draws.alphas, 10, (0, 1))[0] == pytest.approx(2000, rel=0.1)
    assert len(np.unique(make_draws(50, 10, 50, "random", (1, 17)).backgrounds)) < 50


@pytest.mark.parametrize("sampling", ["stratified", "antithetic", "random"])
def test_draws_are_the_seeds(sampling):
    def alphas(*seed):
        return make_draws(20, 2, 100, sampling, seed).alphas.tolist()

    assert alphas(1, 17) == alphas(1, 17)
    assert len({tuple(alphas(*seed)) for seed in ((1, 17), (1, 18), (2, 17), (17, 1))}) == 4


def test_only_random_draws_can_be_had_from_shap():
    for sampling in ("stratified", "antithetic"):
        assert make_draws(20, 2, 100, sampling, (1, 17)).shap_seed is None
    seed = make_draws(20, 2, 100, "random", (1, 17)).shap_seed
    assert seed is not None
    assert 0 <= seed < 2**32


@pytest.mark.parametrize(("count", "replicates"), [(200, 30), (200, 1), (0, 2), (200, 0)])
def test_replicates_of_another_size_are_refused(count, replicates):
    with pytest.raises(InputError, match=f"{count} draws cannot be {replicates} replicates"):
        make_draws(count, replicates, 100, "stratified", (1,))


def test_pairs_that_would_straddle_replicates_are_refused():
    with pytest.raises(
        InputError, match="5 draws per replicate cannot be antithetic pairs: choose an even number"
    ):
        make_draws(20, 4, 100, "antithetic", (1,))


def test_without_background_there_are_no_draws():
    with pytest.raises(InputError, match="no background record"):
        make_draws(20, 2, 0, "random", (1,))


@pytest.mark.parametrize(("draws", "batch"), [(200, 100), (20, 20), (150, 75), (101, 1), (1, 1)])
def test_a_batch_divides_the_draws(draws, batch):
    assert batch_size(draws) == batch
