"""Stage `prototypes`: typical records of each superclass, by DTW distance, embedding and clusters."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.explained import Explained, run_resumable
from tasks.many_items import Results, Work, complete
from tasks.params.cohort import CohortParams
from tasks.params.prototypes import PrototypesParams
from tasks.params.reading import read_section
from tasks.stage import OUT, digest, run, write_json
from veribeat.conventions import SUPERCLASSES
from veribeat.dtw.distances import distances_from, squared_distances
from veribeat.plots.clusters import cluster_maps, silhouette_curves
from veribeat.plots.style import save_png
from veribeat.prototypes.clustering import Clustering, ClusterSettings, cluster
from veribeat.prototypes.store import PrototypeSet, write_prototypes

SIMULATED_BANNER = "simulated cohort"


@dataclass(frozen=True)
class DistanceWorker:
    """Takes one record at a time to its distances to those after it of its superclass."""

    signals_mv: NDArray[np.float32]  # (N, 1000, 12), superclass by superclass
    ends: NDArray[np.int64]  # (N,) where the superclass of each record ends

    def prepare(self) -> Work:
        """Nothing to load."""

        def distances(item: int) -> NDArray[np.float64]:
            return distances_from(self.signals_mv[item], self.signals_mv[item + 1 : self.ends[item]])

        return distances
