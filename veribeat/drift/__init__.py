"""Whether a batch of new records differs from the training cohort: in which quantity, on which device, how much."""
