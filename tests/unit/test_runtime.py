"""What a process is set to, and what that costs."""

import subprocess
import sys

CODE = """
import sys, torch
from models.runtime import make_deterministic
make_deterministic(1)
assert torch.are_deterministic_algorithms_enabled()
assert not torch.is_deterministic_algorithms_warn_only_enabled()
assert torch.get_num_threads() == 1
assert (torch.tensor(1e-310, dtype=torch.float64) * 1).item() == 0
assert "torch._inductor" not in sys.modules  # seconds for every process
"""


def test_a_process_is_deterministic_without_the_import_of_a_compiler() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
