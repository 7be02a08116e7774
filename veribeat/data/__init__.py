"""Reading and checking a PTB-XL cohort: records, labels, quarantine, data card."""
