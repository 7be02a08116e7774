"""Focus scores of activation maps."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.selection.beat_focus import beat_coherence, physio
from models.selection.confidence import label_confidence
from models.selection.focus import entropy, gini, topk_mass, topk_mean
from veribeat.errors import InputError

BINS = 40
OF_MAP = (topk_mean, topk_mass, entropy, gini)
LOCAL = (topk_mass, entropy, gini)


def _spike(at: int, bins: int = BINS) -> torch.Tensor:
    maps = torch.zeros(1, bins)
    maps[0, at] = 2.0
    return maps


@pytest.mark.parametrize("focus", OF_MAP)
def test_an_all_zero_map_has_no_focus(focus) -> None:  # type: ignore[no-untyped-def]
    assert focus(torch.zeros(3, BINS)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("focus", LOCAL)
def test_localisation_goes_from_flat_to_one_bin(focus) -> None:  # type: ignore[no-untyped-def]
    assert focus(torch.ones(1, BINS)).item() == pytest.approx(0, abs=1e-6)
    assert focus(_spike(7)).item() == pytest.approx(1, abs=1e-6)
    half = torch.cat((torch.ones(1, BINS // 2), torch.zeros(1, BINS // 2)), dim=1)
    quarter = torch.cat((torch.ones(1, BINS // 4), torch.zeros(1, 3 * BINS // 4)), dim=1)
    assert 0 < focus(half).item() < focus(quarter).item() < 1


def test_topk_mean_measures_breadth() -> None:
    """The released score is lowest for the one map that all other scores call focused."""
    assert topk_mean(_spike(3)).item() == pytest.approx(1 / 4)  # one of the top four bins
    broad = torch.cat((torch.ones(1, BINS // 2), torch.zeros(1, BINS // 2)), dim=1)
    assert topk_mean(broad).item() == 1
    assert topk_mean(torch.ones(1, BINS)).item() == 0  # min-max of a flat map is 0
    with pytest.raises(InputError, match=r"has 19 bins, but the focus score topk_mean needs 20"):
        topk_mean(torch.ones(1, 19))


@settings(deadline=None, max_examples=60)
@given(arrays(np.float32, (3, BINS), elements=st.floats(0, 100, width=32)), st.floats(0.125, 8))
def test_scores_lie_in_0_1_and_ignore_the_scale(values: np.ndarray, scale: float) -> None:
    maps = torch.from_numpy(values)
    for focus in OF_MAP:
        score = focus(maps)
        assert ((score >= 0) & (score <= 1)).all()
    lively = torch.where(maps.amax(dim=1, keepdim=True) > 1e-3, maps, 0)
    for focus in OF_MAP:
        torch.testing.assert_close(focus(lively), focus(lively * scale), atol=1e-4, rtol=1e-4)


def test_gini_and_entropy_are_the_textbooks() -> None:
    maps = torch.rand(2, BINS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = maps.numpy()
    differences = np.abs(values[:, :, None] - values[:, None, :]).sum(axis=(1, 2))
    expected = differences / (2 * BINS * values.sum(axis=1)) * BINS / (BINS - 1)
    np.testing.assert_allclose(gini(maps).numpy(), expected, rtol=1e-6)
    mass = values / values.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        entropy(maps).numpy(), 1 + (mass * np.log(mass)).sum(axis=1) / np.log(BINS), rtol=1e-6
    )


def test_physio_is_the_share_inside_corrected_for_coverage() -> None:
    windows = torch.zeros(4, 4 * BINS, dtype=torch.bool)
    windows[:, : 2 * BINS] = True  # half of the time
    inside, outside = _spike(3), _spike(BINS - 1)
    flat, zero = torch.ones(1, BINS), torch.zeros(1, BINS)
    scores = physio(torch.cat((inside, outside, flat, zero)), windows)
    torch.testing.assert_close(scores, torch.tensor([1.0, 0.0, 0.0, 0.0]))
    mixed = 3 * inside + outside
    assert physio(mixed, windows[:1]).item() == pytest.approx((0.75 - 0.5) / 0.5)


def test_physio_cuts_bins_at_the_edges_of_windows() -> None:
    windows = torch.zeros(1, 4 * BINS, dtype=torch.bool)
    windows[0, 12:15] = True  # three of the four samples of bin 3
    covered = 3 / (4 * BINS)
    assert physio(_spike(3), windows).item() == pytest.approx((0.75 - covered) / (1 - covered))


def test_physio_says_when_it_cannot_tell() -> None:
    windows = torch.zeros(2, 4 * BINS, dtype=torch.bool)
    windows[1] = True
    assert physio(torch.ones(2, BINS), windows).isnan().all()
    with pytest.raises(InputError, match="lasts 160 ms, but the focus score physio needs at most 80 ms"):
        physio(torch.ones(1, BINS), torch.ones(1, 16 * BINS, dtype=torch.bool))
    assert physio(torch.ones(1, 13), torch.ones(1, 104, dtype=torch.bool)).isnan().all()  # 80 ms are allowed


def test_coherent_maps_look_alike_in_every_beat() -> None:
    samples, bins = 400, 100
    peaks = torch.tensor([[50, 150, 250, 350, -1]])
    alike = torch.zeros(1, bins)
    alike[0, [12, 37, 62, 87]] = 1.0  # on each R-peak
    one_beat = torch.zeros(1, bins)
    one_beat[0, 37] = 1.0
    scores = [beat_coherence(maps, peaks, samples).item() for maps in (alike, one_beat, torch.ones(1, bins))]
    assert scores[0] > 0.5
    assert scores[0] > scores[1] > scores[2] == pytest.approx(0, abs=1e-6)
    assert beat_coherence(torch.zeros(1, bins), peaks, samples).item() == 0


def test_coherence_follows_the_rhythm() -> None:
    """A wave at a fixed share of each RR interval is coherent, however irregular the beats are."""
    samples, bins = 600, 150
    peaks = torch.tensor([[60, 130, 260, 330, 480, 560]])
    maps = torch.zeros(1, bins)
    for first, second in zip(peaks[0, :-1].tolist(), peaks[0, 1:].tolist(), strict=True):
        maps[0, round((first + 0.3 * (second - first)) / 4)] = 1.0
    shifted = maps.roll(9, dims=1)
    assert beat_coherence(maps, peaks, samples).item() > 1.3 * beat_coherence(shifted, peaks, samples).item()


def test_coherence_needs_two_whole_beats() -> None:
    maps = torch.rand(3, 100)
    peaks = torch.tensor([[50, 150, -1], [50, 150, 260], [-40, 60, 160]])
    told = ~beat_coherence(maps, peaks, 400).isnan()
    assert told.tolist() == [False, True, False]


def test_confidence_of_one_label_is_that_of_its_class() -> None:
    logits = torch.tensor([[0.4]])
    expected = torch.sigmoid(logits)[:, 0]
    for kind in ("joint", "mean"):
        torch.testing.assert_close(label_confidence(logits, torch.ones(1, 1), kind), expected)  # type: ignore[arg-type]
    five, ones = torch.full((1, 5), 0.4), torch.ones(1, 5)
    torch.testing.assert_close(label_confidence(five, ones, "joint"), expected**5)
    torch.testing.assert_close(label_confidence(five, ones, "mean"), expected)
