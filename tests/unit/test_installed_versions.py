"""A run refuses other versions than the pinned ones."""

from pathlib import Path

import numpy as np
import pytest

from flows import installed_versions
from flows.installed_versions import check_versions, other_versions
from veribeat.errors import InputError


def test_this_environment_is_the_pinned_one() -> None:
    assert other_versions() == ()


def test_another_version_is_named_and_can_be_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# a comment==1\nnumpy==0.1\nnot-installed==1.0\npytest=={pytest.__version__}\n")
    monkeypatch.setattr(installed_versions, "CONSTRAINTS", pins)
    expected = f"numpy {np.__version__} instead of 0.1"
    assert check_versions(allow_others=True) == (expected,)
    with pytest.raises(InputError, match=f"{expected}.*--any-versions"):
        check_versions(allow_others=False)
