"""A run refuses other versions than the pinned ones."""

from pathlib import Path

import numpy as np
import pytest

from tasks import installed_versions, stage
from tasks.installed_versions import ANY_VERSIONS, check_versions, other_versions
from veribeat.errors import InputError


def test_this_environment_is_the_pinned_one() -> None:
    assert other_versions() == ()


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pins that this environment does not keep; what is said of them."""
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# a comment==1\nnumpy==0.1\nnot-installed==1.0\npytest=={pytest.__version__}\n")
    monkeypatch.setattr(installed_versions, "CONSTRAINTS", pins)
    monkeypatch.delenv(ANY_VERSIONS, raising=False)
    return f"numpy {np.__version__} instead of 0.1"


def test_another_version_is_named_and_can_be_allowed(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=f"{other}.*--any-versions"):
        check_versions(allow_others=False)
    monkeypatch.setenv(ANY_VERSIONS, "")  # so that it is as before afterwards
    assert check_versions(allow_others=True) == (other,)
    assert check_versions(allow_others=False) == (other,)  # for the stages that this process starts


def test_a_stage_refuses_other_versions_unless_its_caller_records_them(
    other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `dvc repro` starts it."""
    monkeypatch.setattr(stage, "_check_code", lambda: None)
    for variable, code in ((None, 2), ("1", 0)):
        if variable:
            monkeypatch.setenv(ANY_VERSIONS, variable)
        with pytest.raises(SystemExit) as ended:
            stage.run(lambda: None)
        assert ended.value.code == code
    assert other in capsys.readouterr().err
