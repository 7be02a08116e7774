"""What [CF] prints about its counterfactuals (Tables 3, 4, 7-13), to be set beside ours; nothing is computed here.

Metrics have the names of `veribeat.counterfactual.evaluation.Metrics`. What to know before comparing:

- Original and sparse are valid by construction: a prototype is predicted exactly, and sparse may keep all of it.
- Table 3 is Table 4 averaged over an uneven mix of targets: its figures for the metrics that the two share follow,
  within rounding, from about 47% MI, 21% NORM, 19% STTC, 10% CD and 3% HYP, and from no other mix. So the validity
  of 0.8126 is a micro mean; with equal weights Table 4 gives 0.650, and all queries of Tables 7-11 crossed with all
  targets would give 0.621. Compare macro means.
- The n of Tables 7-13 count queries but are not the denominators: 11 of the 20 validities of Tables 7-11 are no whole
  number out of n, and 0.8126 is none out of 963, the sum of the five n. No weights turn Tables 7-11 into Table 4.
  Tables 7-13 together can give it (for CD they miss it by 0.0001), so it seems to average over the combined
  initial classes too, although the text speaks of 963 samples.
- Means are over all counterfactuals, valid or not: over the valid ones, that mix would give aligned sparse a margin of
  0.736 and an L0 of 0.764 where Table 3 has 0.6933 and 0.7800, and four cells without a valid counterfactual have a
  margin. These are 0.38 and more, so the margin is that of whatever is predicted (eq. 23), our `predicted_margin`.
  `target_margin` is ours, and negative where the target is missed.
- Margins above 0.693 cannot be p - t: no threshold of A.2 is below 0.307. All of MI are, and some of NORM.
- L1 and L2 cannot be the mean and the root mean square of the same differences, as the latter is never smaller. No
  unit is given. L2 is of the size of an RMS in mV (0.31 between random records), L1 of nothing that we tried.
- The classes of its per-class figures are suspect; see `veribeat.metrics.published`.
"""

from itertools import product
from typing import Final

import pandas as pd

METHODS: Final = ("original", "sparse", "aligned_sparse")
TARGETS: Final = ("CD", "HYP", "MI", "NORM", "STTC")
"""In the order of [CF]'s columns."""

METRICS: Final = ("validity", "l0_share", "noise_stability", "predicted_margin")
"""Of Tables 4 and 7-13. L0 is printed as a share of all samples of all leads."""

THRESHOLDS: Final = {"NORM": 0.307, "MI": 0.316, "CD": 0.336, "STTC": 0.352, "HYP": 0.446}
"""[CF] A.2."""

QUERIES: Final = {
    "NORM": 564,
    "STTC": 148,
    "CD": 119,
    "MI": 111,
    "HYP": 21,
    "CD+MI": 74,
    "CD+STTC": 45,
    "HYP+STTC": 39,
    "MI+STTC": 31,
    "CD+NORM": 25,
    "CD+HYP": 11,
    "HYP+MI": 8,
    "NORM+STTC": 4,
}
"""The n of Tables 7-11 (one class) and 12-13 (two), by initial class in [CF]'s order."""

_TABLE_3: Final = """
validity            1.0000  1.0000  0.8126
share_changed       0.9837  0.7957  0.7800
l0_share            0.9837  0.7957  0.7800
mean_abs_mv         0.2868  0.2700  0.2018
rms_mv              0.2512  0.2442  0.1749
noise_stability     1.0000  1.0000  0.9948
temporal_stability  0.5304  0.5097  0.7593
predicted_margin    0.7800  0.7750  0.6933
"""
"""Metric, then a value for each of METHODS."""

_TABLE_4: Final = """
validity         original        1.000 1.000 1.000 1.000 1.000
validity         sparse          1.000 1.000 1.000 1.000 1.000
validity         aligned_sparse  0.798 0.132 0.989 0.681 0.650
l0_share         original        0.985 0.982 0.982 0.987 0.984
l0_share         sparse          0.810 0.797 0.747 0.940 0.748
l0_share         aligned_sparse  0.775 0.828 0.703 0.914 0.817
noise_stability  original        1.000 1.000 1.000 1.000 1.000
noise_stability  sparse          1.000 1.000 1.000 1.000 1.000
noise_stability  aligned_sparse  1.000 0.978 1.000 0.991 0.987
predicted_margin original        0.607 0.446 0.954 0.695 0.598
predicted_margin sparse          0.605 0.445 0.946 0.691 0.597
predicted_margin aligned_sparse  0.472 0.311 0.900 0.467 0.616
"""
"""Metric, method, then a value for each of TARGETS."""

_TABLES_7_13: Final = """
NORM      CD    1.0000 0.9871 1.0000 0.6080  1.0000 0.8114 1.0000 0.6055  0.8144 0.7584 1.0000 0.4632
NORM      HYP   1.0000 0.9822 1.0000 0.4499  1.0000 0.7892 1.0000 0.4495  0.1163 0.8396 1.0000 0.2815
NORM      MI    1.0000 0.9835 1.0000 0.9591  1.0000 0.7545 1.0000 0.9508  0.9929 0.6942 1.0000 0.9062
NORM      STTC  1.0000 0.9856 1.0000 0.5932  1.0000 0.7442 1.0000 0.5927  0.6162 0.8124 0.9891 0.6176
STTC      CD    1.0000 0.9858 1.0000 0.6269  1.0000 0.8136 1.0000 0.6218  0.6923 0.7889 1.0000 0.5037
STTC      HYP   1.0000 0.9808 1.0000 0.4057  1.0000 0.7485 1.0000 0.4013  0.0000 0.8803 0.9000 0.4431
STTC      MI    1.0000 0.9826 1.0000 0.9404  1.0000 0.7479 1.0000 0.9343  1.0000 0.7284 1.0000 0.8790
STTC      NORM  1.0000 0.9878 1.0000 0.6840  1.0000 0.9386 1.0000 0.6793  0.5733 0.9108 1.0000 0.4134
CD        HYP   1.0000 0.9789 1.0000 0.4410  1.0000 0.8936 1.0000 0.4406  0.0000 0.9493 1.0000 0.5537
CD        MI    1.0000 0.9775 1.0000 0.9505  1.0000 0.6954 1.0000 0.9427  0.9748 0.6762 1.0000 0.8987
CD        NORM  1.0000 0.9881 1.0000 0.6846  1.0000 0.9378 1.0000 0.6791  0.6970 0.8784 1.0000 0.4915
CD        STTC  1.0000 0.9845 1.0000 0.6100  1.0000 0.7854 1.0000 0.6079  0.5909 0.8513 0.9773 0.6195
MI        CD    1.0000 0.9856 1.0000 0.6215  1.0000 0.7767 1.0000 0.6183  0.8542 0.7775 1.0000 0.4828
MI        HYP   1.0000 0.9844 1.0000 0.4743  1.0000 0.7944 1.0000 0.4712  0.2500 0.7110 1.0000 0.2372
MI        NORM  1.0000 0.9889 1.0000 0.6922  1.0000 0.9374 1.0000 0.6872  0.7658 0.9033 0.9910 0.4937
MI        STTC  1.0000 0.9824 1.0000 0.5981  1.0000 0.7454 1.0000 0.5982  0.7184 0.8103 0.9854 0.6113
HYP       CD    1.0000 0.9826 1.0000 0.6257  1.0000 0.8186 1.0000 0.6287  0.7143 0.8076 1.0000 0.4438
HYP       MI    1.0000 0.9804 1.0000 0.9710  1.0000 0.7297 1.0000 0.9616  1.0000 0.7324 1.0000 0.9142
HYP       NORM  1.0000 0.9837 1.0000 0.7537  1.0000 0.9426 1.0000 0.7497  0.8095 0.8529 1.0000 0.5818
HYP       STTC  1.0000 0.9837 1.0000 0.6210  1.0000 0.7516 1.0000 0.6205  0.7059 0.8011 1.0000 0.6001
CD+MI     HYP   1.0000 0.9812 1.0000 0.4300  1.0000 0.9080 1.0000 0.4304  0.2000 0.7334 0.8000 0.2321
CD+MI     NORM  1.0000 0.9868 1.0000 0.6992  1.0000 0.9423 1.0000 0.6948  0.6081 0.9375 0.9792 0.4581
CD+MI     STTC  1.0000 0.9818 1.0000 0.6040  1.0000 0.7394 1.0000 0.6011  0.6364 0.8195 0.9884 0.6336
CD+STTC   HYP   1.0000 0.9745 1.0000 0.4135  1.0000 0.8026 1.0000 0.4113  0.0000 0.7445 1.0000 0.3810
CD+STTC   MI    1.0000 0.9824 1.0000 0.9424  1.0000 0.7473 1.0000 0.9347  0.9556 0.7090 1.0000 0.8996
CD+STTC   NORM  1.0000 0.9873 1.0000 0.6883  1.0000 0.9490 1.0000 0.6852  0.6250 0.8732 1.0000 0.4941
HYP+STTC  CD    1.0000 0.9794 1.0000 0.5953  1.0000 0.8980 1.0000 0.5953  0.9231 0.7974 1.0000 0.5212
HYP+STTC  MI    1.0000 0.9746 1.0000 0.9513  1.0000 0.8007 1.0000 0.9429  1.0000 0.7802 1.0000 0.8942
HYP+STTC  NORM  1.0000 0.9822 1.0000 0.7464  1.0000 0.9411 1.0000 0.7445  0.8000 0.9234 1.0000 0.5173
MI+STTC   CD    1.0000 0.9843 1.0000 0.5927  1.0000 0.8364 1.0000 0.5929  0.6875 0.7992 1.0000 0.4547
MI+STTC   HYP   1.0000 0.9851 1.0000 0.4410  1.0000 0.7961 1.0000 0.4414  0.0000 0.8477 1.0000 0.4405
MI+STTC   NORM  1.0000 0.9880 1.0000 0.6948  1.0000 0.9510 1.0000 0.6884  0.6129 0.9172 0.9839 0.4295
CD+NORM   HYP   1.0000 0.9862 1.0000 0.4743  1.0000 0.7297 1.0000 0.4681  0.5000 0.9136 1.0000 0.3267
CD+NORM   MI    1.0000 0.9814 1.0000 0.9799  1.0000 0.7301 1.0000 0.9710  1.0000 0.6587 1.0000 0.9362
CD+NORM   STTC  1.0000 0.9860 1.0000 0.5683  1.0000 0.8183 1.0000 0.5718  0.5455 0.7837 1.0000 0.6298
CD+HYP    MI    1.0000 0.9780 1.0000 0.9559  1.0000 0.6796 1.0000 0.9446  1.0000 0.7296 1.0000 0.9022
CD+HYP    NORM  1.0000 0.9871 1.0000 0.6395  1.0000 0.9414 1.0000 0.6381  0.8182 0.9621 1.0000 0.4175
CD+HYP    STTC  1.0000 0.9840 1.0000 0.6257  1.0000 0.7686 1.0000 0.6271  0.6667 0.8813 1.0000 0.6440
HYP+MI    CD    1.0000 0.9830 1.0000 0.5671  1.0000 0.8913 1.0000 0.5725  1.0000 0.6807 1.0000 0.4500
HYP+MI    NORM  1.0000 0.9873 1.0000 0.6380  1.0000 0.9301 1.0000 0.6402  0.7500 0.9688 1.0000 0.3957
HYP+MI    STTC  1.0000 0.9754 1.0000 0.5286  1.0000 0.7159 1.0000 0.5265  0.6250 0.8909 0.8750 0.6000
NORM+STTC MI    1.0000 0.9870 1.0000 0.9424  1.0000 0.7188 1.0000 0.9361  1.0000 0.7317 1.0000 0.8757
"""
"""Initial class, target, then a value for each of METRICS, three times over: for each of METHODS."""


def table_3() -> pd.DataFrame:
    """Columns metric, method, paper."""
    rows = []
    for line in _TABLE_3.split("\n")[1:-1]:
        metric, *values = line.split()
        rows += [(metric, method, float(value)) for method, value in zip(METHODS, values, strict=True)]
    return pd.DataFrame(rows, columns=["metric", "method", "paper"])


def table_4() -> pd.DataFrame:
    """Columns metric, method, target, paper."""
    rows = []
    for line in _TABLE_4.split("\n")[1:-1]:
        metric, method, *values = line.split()
        rows += [
            (metric, method, target, float(value)) for target, value in zip(TARGETS, values, strict=True)
        ]
    return pd.DataFrame(rows, columns=["metric", "method", "target", "paper"])


def tables_7_13() -> pd.DataFrame:
    """Columns initial (class or classes), target, method, metric, paper; a class is never its own target."""
    rows = []
    for line in _TABLES_7_13.split("\n")[1:-1]:
        initial, target, *values = line.split()
        rows += [
            (initial, target, method, metric, float(value))
            for (method, metric), value in zip(product(METHODS, METRICS), values, strict=True)
        ]
    return pd.DataFrame(rows, columns=["initial", "target", "method", "metric", "paper"])
