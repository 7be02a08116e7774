"""A simulated PTB-XL-like cohort: labels, patients, rhythm, morphology, noise and corruption."""
