"""Numbers and lists as the pages and the terminal write them."""

import math
from collections.abc import Sequence


def number(value: float | None, digits: int = 4) -> str:
    """Such as "0.7012"; empty where the value is undefined."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def with_interval(value: float | None, bounds: tuple[float, float] | None, digits: int = 4) -> str:
    """Such as "0.7012 (0.683-0.718)"; no brackets without bounds, and nothing where the value is undefined."""
    text = number(value, digits)
    return f"{text} ({bounds[0]:.3f}-{bounds[1]:.3f})" if text and bounds else text


def folds(numbers: list[int]) -> str:
    """Such as "folds 1-7, 9" or "fold 10"."""
    ranges: list[list[int]] = []
    for fold in sorted(numbers):
        if ranges and fold == ranges[-1][1] + 1:
            ranges[-1][1] = fold
        else:
            ranges.append([fold, fold])
    parts = [f"{first}-{last}" if last > first else f"{first}" for first, last in ranges]
    return f"{'folds' if len(numbers) > 1 else 'fold'} {', '.join(parts)}"


def listed(names: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
