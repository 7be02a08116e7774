"""Selection over a batch that is spread over several processes: all decide on the whole, each keeps its own part."""

import numpy as np
import torch.distributed as dist

from models.selection.choice import Seen


def gather(seen: Seen) -> tuple[Seen, slice]:
    """The whole batch, part by part in the order of the ranks, and where this process's part is in it.

    A single process has the whole already.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return seen, slice(0, len(seen.positions))
    parts: list[Seen | None] = [None] * dist.get_world_size()
    dist.all_gather_object(parts, seen)
    whole = [part for part in parts if part is not None]
    first = sum(len(part.positions) for part in whole[: dist.get_rank()])
    fields = ("positions", "targets", "confidence", "focus")
    return (
        Seen(*(np.concatenate([getattr(part, name) for part in whole]) for name in fields)),
        slice(first, first + len(seen.positions)),
    )
