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


def signed(difference: float, low: float, high: float) -> str:
    """Such as "+0.0061 (-0.0010, 0.0132)"; empty where the difference is undefined.

    Without words or a plus sign in the brackets, so that the pages take it for a number.
    """
    return "" if math.isnan(difference) else f"{difference:+.4f} ({low:.4f}, {high:.4f})"


def p_value(p: float) -> str:
    """Such as "0.0312" or "<0.0001"; empty where it is undefined."""
    return "" if math.isnan(p) else "<0.0001" if p < 0.0001 else f"{p:.4f}"


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


def record_set(name: str) -> str:
    """Such as "fold 8" for "fold_08", a set of records in metrics.json."""
    word, _, fold = name.partition("_")
    return f"{word} {int(fold)}" if fold else word


def listed(names: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
