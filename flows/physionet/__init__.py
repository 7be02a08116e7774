"""PTB-XL from PhysioNet or a mirror of it, file by file, each checked against its SHA-256."""
