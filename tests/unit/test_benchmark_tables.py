"""The tables of docs/benchmarks.md; what is in them is measured, not tested."""

from io import StringIO

import pytest
from rich.console import Console

from benchmarks.tables import Grid, Section, page, percentiles, significant


def test_a_page_has_its_sections_tables_notes_and_pictures():
    grid = Grid("Time", ("library", "ms"), (("ours", "0.2"), ("a|b", "16")), "Median.")
    text = page(
        "Benchmarks", "Why.", [Section("DTW", "First.", (grid,), ("dtw.png",)), Section("Rest", "", ())]
    )
    assert text == (
        "# Benchmarks\n\nWhy.\n\n## DTW\n\nFirst.\n\n### Time\n\n"
        "| library | ms |\n| --- | ---: |\n| ours | 0.2 |\n| a\\|b | 16 |\n\nMedian.\n\n"
        "![DTW](dtw.png)\n\n## Rest\n"
    )


def test_words_are_aligned_left():
    text = Grid("Time", ("library", "exact", "ms"), (("ours", "yes", "0.2"),), texts=2).markdown()
    assert "| --- | --- | ---: |" in text


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="'Time' has 2 columns"):
        Grid("Time", ("library", "ms"), (("ours",),))


def test_the_terminal_shows_the_same_cells():
    console = Console(file=StringIO(), width=80)
    Grid("Time", ("library", "ms"), (("ours", "0.2"),), "Median [of 3].").show(console)
    shown = console.file.getvalue()
    assert all(text in shown for text in ("Time", "library", "ours", "0.2", "Median [of 3]."))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012345, "0.0123"), (1.2, "1.20"), (1234.5, "1,230"), (9.996, "10.0"), (0, "0"), (0.5, "0.500")],
)
def test_three_digits_are_significant(value: float, text: str):
    assert significant(value) == text


def test_percentiles_are_in_milliseconds():
    assert percentiles([0.1, 0.2, 0.3]) == ("200", "290")
