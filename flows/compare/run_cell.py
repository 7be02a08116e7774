"""One cell of a comparison as a process of its own."""

import sys
from collections.abc import Callable
from pathlib import Path

from flows.dvc_engine import StageFailed
from flows.process import StreamedProcess
from tasks.params.cell import Cell
from tasks.stage import EXIT_INPUT_ERROR
from veribeat.errors import InputError

_ERROR = "error: "


def train_cell(workspace: Path, cell: Cell, log: Callable[[str], None]) -> None:
    """Train and judge a cell in its own process, sending each line of output to `log`.

    Raises InputError with the process's own sentence for bad input, StageFailed for every other failure.
    """
    file = workspace / f"{cell.out}.cell"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(cell.model_dump_json(indent=2) + "\n", encoding="utf-8")
    process = StreamedProcess(
        [sys.executable, "-m", cell.module, str(file.relative_to(workspace))], workspace
    )
    sentence = ""
    for line in process.lines():
        if line.strip():
            log(line)
        if line.startswith(_ERROR):
            sentence = line.removeprefix(_ERROR)
    file.unlink()
    if process.returncode == EXIT_INPUT_ERROR and sentence:
        raise InputError(f"Arm '{cell.arm}', seed {cell.seed}: {sentence}")
    if process.returncode:
        raise StageFailed(
            f"The training of arm '{cell.arm}', seed {cell.seed}, ended with {process.returncode}."
        )
