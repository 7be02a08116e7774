"""`veribeat compare`: arms and seeds side by side, cell by cell from a ledger, to a page."""
