"""The documents of a release: model card, change record, and an outline of technical documentation."""
