"""One training in several processes: each works on its part of a batch, and all know what comes of the whole.

A process that trains alone has every record as its part, and nothing is exchanged.
"""

import torch.distributed as dist
from torch import Tensor

FEWEST_OF_A_PART = 2
"""Records: batch normalisation cannot train on one."""


def part(records: int) -> slice:
    """Which records of a batch are this process's; all of them where there are too few to go round."""
    rank, size = _place(records)
    return slice(rank, None, size)


def loss_weight(records: int) -> float:
    """What to multiply the mean loss of this process's part by, so that the mean over processes is that of the batch.

    Gradients are averaged over processes, whose parts differ by a record where the batch does not divide.
    """
    rank, size = _place(records)
    return len(range(rank, records, size)) * size / records


def gather(own: Tensor, records: int) -> Tensor:
    """Rows (records, ...) of a whole batch, in its order, from those of each process's part."""
    _, size = _place(records)
    if size == 1:
        return own
    longest = -(-records // size)  # parts of one length, because that is what can be exchanged
    padded = own.new_zeros((longest, *own.shape[1:]))
    padded[: len(own)] = own
    parts = [padded.new_empty(padded.shape) for _ in range(size)]
    dist.all_gather(parts, padded)
    whole = own.new_empty((records, *own.shape[1:]))
    for rank, rows in enumerate(parts):
        whole[rank::size] = rows[: len(range(rank, records, size))]
    return whole


def _place(records: int) -> tuple[int, int]:
    """Rank among the processes that share a batch of so many records, and their number."""
    if not (dist.is_available() and dist.is_initialized()):
        return 0, 1
    size = dist.get_world_size()
    return (dist.get_rank(), size) if records >= FEWEST_OF_A_PART * size else (0, 1)
