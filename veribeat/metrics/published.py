"""What [CF] prints about its classifier, to be set beside ours. Figures only; nothing here is computed.

Two things to know before comparing:

- The test set of [CF]'s error analysis is fold 10 alone: every percentage of Table 5 is a whole number of
  records out of 2,198, the size of fold 10, but not out of 4,371, folds 8 and 10 together; A.3, too, calls
  350 records 16% of the test set. So compare with `fold_10`.
- Per-class figures are mislabelled. Values come in alphabetical class order (CD, HYP, MI, NORM, STTC) under
  names in another order: the AUC printed for STTC is that of NORM, the one for HYP that of STTC. Thresholds
  are probably subject to the same. Compare aggregates first and treat each per-class cell as suspect.
"""

from typing import Final

AT_HALF: Final[dict[str, float]] = {
    "hamming_loss": 0.1285,
    "hamming_accuracy": 0.8715,  # printed as "exact-match accuracy"
    "jaccard": 0.6754,
    "f1_micro": 0.7359,
    "f1_macro": 0.6973,
    "f1_weighted": 0.7295,
}
"""[CF] A.1: one threshold of 0.5 for every class."""

CALIBRATED: Final[dict[str, float]] = {
    "hamming_loss": 0.1381,
    "hamming_accuracy": 0.8619,  # printed as "accuracy"
    "jaccard": 0.6935,
    "f1_micro": 0.7436,
    "f1_macro": 0.7094,
    "f1_weighted": 0.7419,
}
"""[CF] A.2: one threshold per class, from validation."""

TABLE_5: Final[tuple[tuple[str, str, float], ...]] = (
    ("MI", "NORM", 3.14),
    ("NORM", "none", 2.46),
    ("CD", "NORM", 1.77),
    ("STTC", "NORM", 1.55),
    ("CD, NORM", "NORM", 1.32),
    ("NORM", "STTC", 1.32),
    ("STTC", "none", 1.27),
    ("HYP", "NORM", 1.23),
    ("CD", "CD, MI", 1.14),
    ("CD, MI", "CD", 1.05),
    ("NORM", "MI", 1.00),
)
"""[CF] Table 5: (true, predicted, % of test records), at 0.5 by its place in A.1.

Two rows have one empty cell. It is read as "nothing predicted": 2.46% is 54 records, and fold 10 has only 40
without a label.
"""

BENCHMARK_MODEL: Final = "resnet1d_wang"
BENCHMARK_AUROC: Final = 0.930
"""N. Strodthoff et al., Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL, IEEE JBHI 25(5), 2021:
macro-AUROC over the superclasses of its best network, with folds 1-8 for training, 9 for validation and 10 for test.
Records without a superclass are left out. Its code (helme/ecg_ptbxl_benchmarking) keeps the last of 50 epochs and takes
the maximum over the crops of a record where `models.backbones.resnet1d` takes the mean, and its head has a hidden layer
more.
"""

BENCHMARK_FOLDS: Final[dict[str, tuple[int, ...]]] = {
    "train": (1, 2, 3, 4, 5, 6, 7, 8),
    "validation": (9,),
    "test": (10,),
}
"""Fold roles of the benchmark; scores of another split are not to be set beside it."""
