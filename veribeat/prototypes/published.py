"""What [CF] prints about its prototypes (4.7), to be set beside ours; nothing is computed here.

Candidates are the records of fold 10 with one true label that is predicted exactly. The printed denominators are
suspect: HYP has 845 where fold 10 has 262 records with HYP, NORM has 380 where it has 963, and no order
of the classes fits (MI 550, STTC 521, CD 496). 27 prototypes are the sum of the printed numbers of clusters, which
equal the numbers of dimensions in every class; figure 4 has its peak at k = 5 for CD, and the text then sees four
groups in figure 5.
"""

from typing import Final

CANDIDATES: Final = {"NORM": 377, "MI": 160, "STTC": 231, "CD": 156, "HYP": 23}
"""Records to choose from (4.7.1): 947 in all."""

DIMENSIONS: Final = {"NORM": 6, "MI": 7, "STTC": 6, "CD": 5, "HYP": 3}
"""Of the embedding (4.7.3)."""

CLUSTERS: Final = {"NORM": 6, "MI": 7, "STTC": 6, "CD": 5, "HYP": 3}
"""Chosen from 2 to 10 (4.7.3); each gives one prototype."""

SILHOUETTES: Final = {"NORM": 0.44, "MI": 0.32, "STTC": 0.36, "CD": 0.32, "HYP": 0.28}
"""Of the embeddings (4.7.3); that of CD is printed as "0.0.32"."""
