import numpy as np
import pytest
import torch
from torch import nn

from models.backbones.registry import NAMES, build_backbone
from veribeat.attribution.base import make_background
from veribeat.attribution.draws import Draws, make_draws
from veribeat.attribution.expected_gradients import expected_gradients
from veribeat.errors import InputError
from veribeat.signal.stored_units import StoredMillivolts, from_units


class Polynomial(nn.Module):
    """Three logits of (B, T, 12): a weighted sum, a weighted sum of squares, and a constant."""

    def __init__(self, samples=50):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.weights = nn.Parameter(torch.randn(samples, 12, generator=generator))

    def forward(self, signals):
        linear = (signals * self.weights).sum(dim=(1, 2))
        square = (signals**2 * self.weights).sum(dim=(1, 2))
        return torch.stack((linear, square, 0 * linear + 2), dim=1)


def signals_of(records, samples=50, seed=1):
    return np.random.default_rng(seed).normal(0, 0.3, (records, samples, 12)).astype(np.float32)


def polynomial_case(count=40, replicates=4, backgrounds=30):
    model = Polynomial().eval()
    background = make_background(model, signals_of(backgrounds), 8)
    draws = make_draws(count, replicates, backgrounds, "stratified", (1, 2))
    return model, signals_of(1, seed=9)[0], background, draws


def random_network(name):
    torch.manual_seed(0)
    model = build_backbone(name)
    model.normalise.set_statistics(0.0, 0.3)
    return model.eval()


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    return random_network(request.param)


def test_a_linear_logit_gives_the_weights_times_the_distance_to_the_mean_background():
    model, signal, background, draws = polynomial_case()
    found = expected_gradients(model, signal, background, [0], draws, 20)
    weights = model.weights.detach().numpy()
    means = background.signals_mv[draws.backgrounds].mean(axis=0)
    assert found.values.dtype == np.float32
    np.testing.assert_allclose(found.values[0], weights * (signal - means), atol=1e-6)
    assert found.logits == pytest.approx([(weights * signal).sum()], rel=1e-5)
    assert found.baseline_logits == pytest.approx([(weights * means).sum()], rel=1e-4)
    assert found.completeness_gap == pytest.approx([0], abs=1e-5)


def test_gradients_are_taken_at_the_points_drawn_and_the_error_is_that_of_the_mean_of_replicates():
    model, signal, background, draws = polynomial_case()
    found = expected_gradients(model, signal, background, [1], draws, 10)
    baselines = background.signals_mv[draws.backgrounds].astype(np.float64)
    steps = signal - baselines
    points = baselines + draws.alphas[:, None, None] * steps
    samples = steps * 2 * model.weights.detach().numpy() * points
    means = samples.reshape(4, 10, 50, 12).mean(axis=1)
    np.testing.assert_allclose(found.values[0], means.mean(axis=0), atol=1e-6)
    errors = means.std(axis=0, ddof=1) / np.sqrt(4)
    expected = np.sqrt((errors**2).mean()) / np.sqrt((means.mean(axis=0) ** 2).mean())
    assert found.monte_carlo_error == pytest.approx([expected], rel=1e-5)


def test_a_logit_that_nothing_changes_has_zeros_without_error():
    model, signal, background, draws = polynomial_case()
    found = expected_gradients(model, signal, background, [2], draws, 20)
    assert not found.values.any()
    assert found.monte_carlo_error.tolist() == [0]


def test_the_error_foretells_how_far_off_values_are_and_stratified_draws_lower_it():
    model, signal, background, _ = polynomial_case(backgrounds=2000)
    full = make_draws(20000, 10, 2000, "stratified", (5,))
    truth = expected_gradients(model, signal, background, [1], full, 500).values
    actual = {}
    for sampling in ("random", "stratified"):
        ratios, errors = [], []
        for seed in range(20):
            draws = make_draws(80, 8, 2000, sampling, (seed,))
            found = expected_gradients(model, signal, background, [1], draws, 80)
            errors.append(np.sqrt(np.mean((found.values - truth) ** 2) / np.mean(truth**2)))
            ratios.append(errors[-1] / found.monte_carlo_error[0])
        actual[sampling] = np.mean(errors)
        assert np.mean(ratios) == pytest.approx(1, abs=0.15)
    assert actual["stratified"] < 0.9 * actual["random"]


def test_classes_do_not_change_each_other(network):
    background = make_background(network, signals_of(6, 1000), 4)
    draws = make_draws(8, 2, 6, "random", (1, 2))
    signal = signals_of(1, 1000, seed=9)[0]
    together = expected_gradients(network, signal, background, [4, 0], draws, 4)
    alone = expected_gradients(network, signal, background, [0], draws, 4)
    assert together.values.shape == (2, 1000, 12)
    assert np.array_equal(together.values[1], alone.values[0])
    assert together.logits[1] == alone.logits[0]
    assert together.baseline_logits[1] == alone.baseline_logits[0]
    none = expected_gradients(network, signal, background, [], draws, 4)
    assert none.values.shape == (0, 1000, 12)
    assert none.monte_carlo_error.shape == (0,)


def test_values_add_up_to_the_difference_of_the_logits():
    network = random_network("cnn_gru_flow")
    background = make_background(network, signals_of(1, 1000), 1)
    signal = signals_of(1, 1000, seed=9)[0]
    middles = (
        np.arange(100) + 0.5
    ) / 100  # with one background the sum is an integral over alpha: midpoint rule
    draws = Draws(np.zeros(100, dtype=np.int64), middles, np.repeat([0, 1], 50), None)
    found = expected_gradients(network, signal, background, range(5), draws, 100)
    steps = found.logits - found.baseline_logits
    assert np.abs(found.completeness_gap).max() < 0.02 * np.abs(steps).max()


def test_the_model_is_left_as_it_was(network):
    background = make_background(network, signals_of(2, 1000), 2)
    draws = make_draws(4, 2, 2, "random", (1,))
    expected_gradients(network, signals_of(1, 1000)[0], background, [0, 1], draws, 4)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_draws_that_do_not_fill_the_batches_are_refused():
    model, signal, background, draws = polynomial_case()
    with pytest.raises(InputError, match="40 draws do not fill batches of 16"):
        expected_gradients(model, signal, background, [0], draws, 16)


def test_a_model_in_training_is_refused():
    model, signal, background, draws = polynomial_case()
    with pytest.raises(ValueError, match="evaluation mode"):
        expected_gradients(model.train(), signal, background, [0], draws, 20)


def test_a_background_has_the_logits_of_its_records_whatever_is_left_for_the_last_batch():
    model = Polynomial().eval()
    signals = signals_of(10)
    background = make_background(model, signals, 4)
    torch.testing.assert_close(torch.from_numpy(background.logits), model(torch.from_numpy(signals)).detach())


def test_a_background_that_stays_on_the_disk_gives_the_same_bytes(tmp_path):
    model = Polynomial().eval()
    units = np.random.default_rng(5).integers(-900, 900, (40, 50, 12)).astype(np.int16)
    np.save(tmp_path / "units.npy", units)
    rows = np.array([3, 8, 9, 17, 30, 31, 39])
    stored = StoredMillivolts(np.load(tmp_path / "units.npy", mmap_mode="r"), rows)
    draws = make_draws(8, 4, len(rows), "stratified", (1, 2))
    lazy, whole = make_background(model, stored, 3), make_background(model, from_units(units[rows]), 3)
    assert lazy.logits.tobytes() == whole.logits.tobytes()
    assert lazy.mean_mv.tobytes() == whole.mean_mv.tobytes()
    assert lazy.whole_mv().tobytes() == whole.whole_mv().tobytes()
    (signal,) = signals_of(1, seed=9)
    first, second = (expected_gradients(model, signal, each, [0, 1], draws, 4) for each in (lazy, whole))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.baseline_logits.tobytes() == second.baseline_logits.tobytes()
