"""Dynamic time warping between 12-lead recordings: distances by the thousand, and single paths."""
