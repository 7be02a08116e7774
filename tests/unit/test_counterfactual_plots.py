import numpy as np
import pytest
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import to_rgba

from veribeat.plots.counterfactual import (
    FOR_COLOUR,
    OTHER_COLOUR,
    Heat,
    Labelled,
    overlay_figure,
    prototype_figure,
    query_figure,
)
from veribeat.plots.svg import svg_text

RANDOM = np.random.default_rng(1)
SIGNALS = RANDOM.normal(0, 0.2, (2, 1000, 12)).astype(np.float32)
PROBABILITIES = np.array([0.021, 0.1, 0.62, 0.81, 0.3])
QUERY = Labelled("Record 1124", SIGNALS[0], PROBABILITIES, ("STTC", "CD"))
OTHER = Labelled("Prototype 17014", SIGNALS[1], PROBABILITIES, ("HYP",))
MASK = np.zeros((1000, 12), dtype=bool)
MASK[100:120, 1] = MASK[980:, 1] = MASK[:10, 11] = True


def texts(figure):
    return [text.get_text() for text in figure.texts]


def traces(figure, colour):
    return [
        line.get_ydata()
        for line in figure.axes[0].lines
        if line.get_color() == colour and len(line.get_xdata()) > 10
    ]


def heat_of(values, superclass):
    return Heat(values, superclass, "the query", "contribution to the logit of")


def shading(figure):
    return [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]


def heat_maps(figure):
    return [c for c in figure.axes[0].collections if isinstance(c, QuadMesh)]


def test_titles_say_what_is_predicted():
    assert texts(query_figure(QUERY))[1:] == [
        "Record 1124: predicted STTC 0.62 + CD 0.81",
        "Probabilities: NORM 0.02, MI 0.10, STTC 0.62, CD 0.81, HYP 0.30",
    ]
    assert texts(prototype_figure(OTHER, "HYP"))[1] == "Prototype 17014 of HYP: predicted HYP 0.30"
    none = Labelled("r", SIGNALS[0], PROBABILITIES / 10, ())
    assert texts(query_figure(none))[1] == "r: predicted no superclass (most probable: CD 0.08)"


def test_a_prototype_lies_over_the_whole_query():
    figure = overlay_figure(QUERY, OTHER)
    assert texts(figure)[1:] == [
        "Record 1124 (black): predicted STTC 0.62 + CD 0.81",
        "Prototype 17014 (blue): predicted HYP 0.30",
    ]
    assert shading(figure) == []
    black, blue = traces(figure, "#000000"), traces(figure, OTHER_COLOUR)
    assert len(black) == len(blue) == 12
    for lead in range(12):
        drawn = black[lead] - blue[lead]
        assert drawn == pytest.approx(10 * (SIGNALS[0, :, lead] - SIGNALS[1, :, lead]), abs=1e-4)


def test_a_counterfactual_is_seen_where_it_differs():
    figure = overlay_figure(QUERY, OTHER, MASK)
    assert texts(figure)[-1] == "Edits cover 0.4% of the recording, leads II, V6"
    seen = np.stack([np.isfinite(trace) for trace in traces(figure, OTHER_COLOUR)], axis=1)
    assert np.flatnonzero(seen[:, 1]).tolist() == [*range(99, 121), *range(979, 1000)]  # joined to the trace
    assert np.flatnonzero(seen[:, 11]).tolist() == list(range(11))
    assert not seen[:, [0, *range(2, 11)]].any()
    spans = [[path.get_extents() for path in lead.get_paths()] for lead in shading(figure)]
    assert [len(lead) for lead in spans] == [0, 2, *[0] * 9, 1]
    first = spans[1][0]
    assert (first.x0, first.x1) == pytest.approx((24.875, 29.875))  # from 0.995 s to 1.195 s


def test_every_and_no_change_have_words_of_their_own():
    everywhere = overlay_figure(QUERY, OTHER, np.ones_like(MASK))
    assert texts(everywhere)[-1] == "Edits cover 100.0% of the recording, all 12 leads"
    nowhere = overlay_figure(QUERY, QUERY, np.zeros_like(MASK))
    assert texts(nowhere)[-1] == "Edits cover 0.0% of the recording, no lead"


def test_attributions_are_summed_over_small_squares_on_a_symmetric_scale():
    values = RANDOM.normal(0, 0.01, (1000, 12))
    figure = overlay_figure(QUERY, OTHER, MASK, heat_of(values, "HYP"))
    maps = heat_maps(figure)
    assert len(maps) == 12
    assert np.ravel(maps[2].get_array())[:2].tolist() == pytest.approx(
        [values[:4, 2].sum(), values[4:8, 2].sum()]
    )
    low, high = maps[0].get_clim()
    assert low == -high
    sums = np.abs(values.reshape(250, 4, 12).sum(axis=1))
    assert (sums <= high).mean() == pytest.approx(0.99, abs=0.001)
    assert maps[0].to_rgba(high)[:3] == pytest.approx(to_rgba(FOR_COLOUR)[:3], abs=0.01)
    assert maps[0].to_rgba(0.0)[3] == pytest.approx(0, abs=0.01)  # the paper is seen through it
    (underline,) = shading(figure)[11].get_paths()
    assert underline.get_extents().height == pytest.approx(1)
    assert "logit of HYP, of the query, per 40 ms" in figure.axes[1].get_xlabel()


def test_without_any_contribution_nothing_is_coloured():
    (first, *_) = heat_maps(overlay_figure(QUERY, OTHER, heat=heat_of(np.zeros((1000, 12)), "CD")))
    assert first.to_rgba(first.get_array())[..., 3].max() == pytest.approx(0, abs=0.01)


def test_the_banner_and_the_time_are_on_every_figure():
    for figure in (
        query_figure(QUERY, "simulated cohort", 20),
        overlay_figure(QUERY, OTHER, banner="simulated cohort", start_s=20),
    ):
        assert figure.get_suptitle() == "simulated cohort"
        assert figure.axes[0].get_xticklabels()[-1].get_text() == "30"
    assert prototype_figure(OTHER, "HYP", "simulated cohort").get_suptitle() == "simulated cohort"


def test_svg_text_depends_on_the_figure_alone():
    heat = heat_of(np.full((1000, 12), 0.1), "HYP")
    first, second = (svg_text(overlay_figure(QUERY, OTHER, MASK, heat)) for _ in range(2))
    assert first == second
