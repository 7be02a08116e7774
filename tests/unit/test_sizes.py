"""Sizes as people read them."""

import pytest

from flows.sizes import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (24 * 2**20, "24.0 MiB"),
        (3 * 2**29, "1.5 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_size_has_the_unit_that_fits(size: int, text: str) -> None:
    assert size_text(size) == text
