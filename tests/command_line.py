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
