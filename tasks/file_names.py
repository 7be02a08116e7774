"""Names of files that several modules read or write; importing this one takes nothing along."""

LEARNT = "learnt.csv"
"""In a release: the ecg_id of every record that its training has learnt from."""

RECORDS_FOLDER = "records100"
"""Where PTB-XL keeps its records at 100 Hz."""

RECORDS_TABLE = "ptbxl_database.csv"
"""PTB-XL's table of records."""
