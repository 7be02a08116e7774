"""The groups within one superclass: an embedding of the DTW distances, k-means in it, and a medoid for each cluster.

How many dimensions and how many clusters is decided by the silhouette on the DTW distances themselves: silhouettes in
embeddings of different dimension cannot be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.manifold import MDS
from sklearn.metrics import silhouette_samples, silhouette_score
from threadpoolctl import threadpool_limits

from veribeat.errors import InputError

TABLE = {"dimensions": np.int64, "clusters": np.int64, "silhouette": np.float64, "smallest_cluster": np.int64}
"""Columns of what was tried; `smallest_cluster` in records."""

KMEANS_STARTS = 10
"""Of which the one with the least inertia counts."""


@dataclass(frozen=True)
class ClusterSettings:
    """What to choose from, and from how many records on there is a choice."""

    dimensions: Sequence[int]  # of the embedding
    clusters: Sequence[int]  # their number, from 2 on
    smallest_class: int  # fewer records than this are one cluster
    smallest_cluster: float  # share of the records, 0-1; what has a smaller cluster is not chosen
    seed: int  # of k-means


@dataclass(frozen=True)
class Clustering:
    """The groups of N records. Clusters are numbered by size, the largest first."""

    embedding: NDArray[np.float64]  # (N, d) in the unit of the distances; (N, 0) where nothing was chosen
    labels: NDArray[np.int64]  # (N,) the cluster of each record
    medoids: NDArray[np.int64]  # (k,) the record of each cluster that is nearest to its others
    silhouettes: NDArray[np.float64]  # (N,) on the distances; NaN where there is one cluster
    table: pd.DataFrame  # columns of TABLE, one row for each choice
    note: str  # why nothing was chosen; empty where something was

    @property
    def dimensions(self) -> int:
        """Dimensions d of the embedding."""
        return int(self.embedding.shape[1])

    @property
    def clusters(self) -> int:
        """Number k of clusters."""
        return len(self.medoids)


def cluster(distances: NDArray[np.float64], settings: ClusterSettings) -> Clustering:
    """Embed the records of one superclass, cluster them, and choose d and k by the mean silhouette ([CF] 3.2, 4.7.3).

    The embedding minimises the stress of [CF] 3.2 from the classical solution on, so chance has no part in it. Eq. 9 is
    computed as Rousseeuw defines it, (b - a) / max(a, b); its sign is reversed in print. Of equal silhouettes, the
    fewest dimensions and then the fewest clusters win. Numbers that the records do not allow are not tried: both must
    be less than the number of distinct records.

    The highest silhouette of all is often that of one outlier against all others, which says nothing of the class:
    choices with a cluster below `smallest_cluster` are in the table, but out of the running.

    Args:
        distances: (N, N), symmetric, zero diagonal.
        settings: what to choose from.

    Numerical libraries are held to one thread: the last digits of an embedding depend on their number.

    Raises:
        InputError: distances that are not square, symmetric and zero on the diagonal; nothing to choose from.
    """
    _check(distances, settings)
    count, distinct = len(distances), len(np.unique(distances, axis=0))
    dimensions = sorted(d for d in settings.dimensions if d < distinct)
    clusters = sorted(k for k in settings.clusters if k < distinct)
    if count < settings.smallest_class or not dimensions or not clusters:
        return _undivided(
            distances, f"{count} records, {distinct} of them distinct, are too few to be divided."
        )
    with threadpool_limits(limits=1):
        return _choose(distances, dimensions, clusters, settings)


def _choose(
    distances: NDArray[np.float64], dimensions: list[int], clusters: list[int], settings: ClusterSettings
) -> Clustering:
    embeddings = {d: _embed(distances, d) for d in dimensions}
    labels = {
        (d, k): KMeans(k, n_init=KMEANS_STARTS, random_state=settings.seed).fit_predict(embedding)
        for d, embedding in embeddings.items()
        for k in clusters
    }
    table = pd.DataFrame(
        [
            (*key, silhouette_score(distances, of_key, metric="precomputed"), np.bincount(of_key).min())
            for key, of_key in labels.items()
        ],
        columns=list(TABLE),
    )
    allowed = table[table["smallest_cluster"] >= settings.smallest_cluster * len(distances)]
    if allowed.empty:
        return _undivided(distances, "Every division has a cluster that is too small.", table)
    best = allowed.iloc[allowed["silhouette"].to_numpy().argmax()]  # the first of equals
    d, k = int(best["dimensions"]), int(best["clusters"])
    numbered = _by_size(labels[d, k])
    return Clustering(
        embedding=embeddings[d],
        labels=numbered,
        medoids=_medoids(distances, numbered),
        silhouettes=silhouette_samples(distances, numbered, metric="precomputed"),
        table=table,
        note="",
    )


def _check(distances: NDArray[np.float64], settings: ClusterSettings) -> None:
    if distances.ndim != 2 or len(distances) != distances.shape[1]:
        raise InputError(
            f"Distances have the shape {distances.shape}; give one row and one column per record."
        )
    if not (
        np.isfinite(distances).all() and (distances == distances.T).all() and not distances.diagonal().any()
    ):
        raise InputError("Distances must be finite, symmetric and zero on the diagonal; compute them again.")
    if min(settings.dimensions, default=0) < 1 or min(settings.clusters, default=0) < 2:
        raise InputError(
            f"There are dimensions {list(settings.dimensions)} and clusters {list(settings.clusters)} to choose "
            "from; give some of each, dimensions from 1 and clusters from 2 on."
        )


def _embed(distances: NDArray[np.float64], dimensions: int) -> NDArray[np.float64]:
    mds = MDS(dimensions, metric="precomputed", init="classical_mds", n_init=1, normalized_stress=False)
    embedding: NDArray[np.float64] = mds.fit_transform(distances)
    return embedding


def _by_size(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """The same clusters, numbered from the largest on; of equals, the one with the first record."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    numbers = np.empty(len(names), dtype=np.int64)
    numbers[np.lexsort((first, -sizes))] = np.arange(len(names))
    return numbers[labels]


def _medoids(distances: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Per cluster the record with the least summed distance to the others ([CF] eq. 11), the first of equals."""
    medoids = []
    for number in range(labels.max() + 1):
        members = np.flatnonzero(labels == number)
        medoids.append(members[distances[np.ix_(members, members)].sum(axis=1).argmin()])
    return np.array(medoids, dtype=np.int64)


def _undivided(distances: NDArray[np.float64], note: str, table: pd.DataFrame | None = None) -> Clustering:
    """All records as one cluster; no cluster where there are no records."""
    count = len(distances)
    labels = np.zeros(count, dtype=np.int64)
    return Clustering(
        embedding=np.zeros((count, 0)),
        labels=labels,
        medoids=_medoids(distances, labels) if count else np.zeros(0, dtype=np.int64),
        silhouettes=np.full(count, np.nan),
        table=pd.DataFrame(columns=list(TABLE)).astype(TABLE) if table is None else table,
        note=note,
    )
