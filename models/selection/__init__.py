"""Which records an epoch trains on: ERTS, and the rivals that it is compared with. README.md here is its card."""
