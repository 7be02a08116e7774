"""Numerical settings of a process, made before any thread starts."""

import torch


def make_deterministic(threads: int) -> None:
    """Same inputs, same bytes on this machine: fixed thread count, deterministic kernels, no denormals.

    The gradient through 250 GRU steps underflows into denormals, which the processor handles a few times
    slower; flushing them changes gradients by about 1e-37. The flag is per thread and inherited, so this runs
    before the first parallel operation.
    """
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    # What torch.use_deterministic_algorithms(True) sets, which besides takes seconds to import a compiler.
    torch.set_deterministic_debug_mode("error")
