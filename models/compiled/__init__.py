"""Parts of a classifier that are compiled, for where it is asked thousands of times."""
