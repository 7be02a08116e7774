"""One thin module per stage: read files, call functions, write files."""
