"""Clusters do not depend on the threads that numerical libraries may take."""

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from scipy.spatial.distance import cdist
from veribeat.prototypes.clustering import ClusterSettings, cluster

points = np.random.default_rng(0).uniform(size=(300, 12))
distances = cdist(points, points)
settings = ClusterSettings([2, 5], [3, 4], smallest_class=3, smallest_cluster=0.0, seed=0)
found = cluster((distances + distances.T) / 2, settings)
for part in (found.embedding, found.labels, found.medoids, found.silhouettes, found.table.to_numpy()):
    print(part.tobytes().hex())
"""


def test_clusters_do_not_depend_on_threads() -> None:
    # With 300 records the last digits do, where nothing limits the threads; with 200 they do not yet.
    printed = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
        )
        printed.append(run.stdout)
    assert len(printed[0].split()) == 5
    assert printed[0] == printed[1]
