"""The command `veribeat`, called in this process."""

import pytest

from flows.cli import main


def call(*arguments: str) -> int:
    """Run the command as the console script does; its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["veribeat", *arguments])
        try:
            main()
        except SystemExit as exit_:
            return int(exit_.code or 0)
    return 0


def assert_one_sentence(capsys: pytest.CaptureFixture[str], said: str) -> None:
    """What was printed since the last look is one sentence on standard error, with `said` in it, and nothing else."""
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.startswith("error: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
