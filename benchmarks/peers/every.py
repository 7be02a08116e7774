"""All peers at once, for a few queries."""

from collections.abc import Iterator, Sequence

from models.backbones.base import Backbone
from models.compiled.network import with_compiled_parts
from peers.base import Pool
from peers.comte import DISTRACTORS, comte
from peers.comte import NAME as COMTE
from peers.importance import class_activation
from peers.native_guide import NAME as NATIVE_GUIDE
from peers.native_guide import native_guide
from peers.nearest_unlike import NAME as NEAREST_UNLIKE
from peers.nearest_unlike import nearest_unlike
from peers.wachter import FIRM, WachterSettings, firm, wachter
from peers.wachter import NAME as WACHTER
from veribeat.black_box import BlackBox
from veribeat.counterfactual.query import Counterfactual, Query
from veribeat.counterfactual.targets import Labels

PEERS = (NEAREST_UNLIKE, NATIVE_GUIDE, COMTE, WACHTER, FIRM)
"""Names of the peers, in the order of the table's columns."""


def explain_by_peers(
    queries: Sequence[Query],
    targets: Sequence[Sequence[Labels]],
    pool: Pool,
    backbone: Backbone,
    model: BlackBox,
    settings: WachterSettings,
) -> Iterator[list[Counterfactual]]:
    """For each query, in order, the counterfactuals of every peer for every one of its targets.

    Args:
        queries: what to explain.
        targets: for each query, its label sets (5,).
        pool: what may be borrowed from.
        backbone: the insides of `model`, in evaluation mode.
        model: the classifier.
        settings: of the gradient descent; see `wachter.firm` for the second one.

    Raises:
        InputError: the pool has no record of a target.
    """
    importance = class_activation(backbone)
    pairs = [(query, target) for query, its in zip(queries, targets, strict=True) for target in its]
    explained, wanted = [query for query, _ in pairs], [target for _, target in pairs]
    network = with_compiled_parts(backbone)
    near = iter(wachter(explained, wanted, network, model, settings))
    steady = iter(wachter(explained, wanted, network, model, firm(settings)))
    for query, its in zip(queries, targets, strict=True):
        found = []
        for target in its:
            neighbours = pool.nearest(query.signal_mv, target, DISTRACTORS)
            found += [
                nearest_unlike(query, target, neighbours, model),
                native_guide(query, target, neighbours, importance, model),
                comte(query, target, neighbours, model),
                next(near),
                next(steady),
            ]
        yield found
