"""What docs/scale.md says of the limits that its figures do not show."""

LINES = (
    "Where memory still grows, by the code (a record in float32 takes 48 kB, in int16 24 kB):",
    "",
    "- `simulate` holds all signals: 24 kB per record, of at most 99,999.",
    "- `ingest` holds the cells of the table as Python objects in one process: 2 kB per record. Its workers "
    "do not grow.",
    "- `calibrate` draws 100 resamples of patients at a time, in about ten arrays of 8 bytes per record and "
    "resample.",
    "- `attribute` reads background records when they are drawn. The methods `shap` and "
    "`integrated_gradients` are the exception: each worker loads the whole background fold, 48 kB per record "
    "of that fold. The same goes for `veribeat explain` with attributions.",
    "- `rules` takes one percentile over all attributions, of which a copy is in memory: 48 kB per record of "
    "the pool and predicted class. The pool's signals are loaded besides, another 48 kB per record, and each "
    "rule is tried on all of them.",
    "- `prototypes` holds each candidate four times (192 kB), and a few matrices of 8 n² bytes for the n "
    "candidates of a superclass. Time is what limits it: 40,000 candidates are 800 million pairs. "
    "`prototypes.most_candidates` bounds both.",
    "- `counterfactuals` loads the candidates of the pool into each worker, 48 kB each.",
    "",
    "Stages read signals.npy through a memory map. Training draws records at random: it is fast while the "
    "file fits into memory that nobody else needs, and as slow as random reads of 24 kB from the disk "
    "otherwise. Each stage of the explanations computes the predictions for the pool anew, in each of its "
    "processes, and a digest of signals.npy.",
)
LIMITS = "\n".join(LINES)
