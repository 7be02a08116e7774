"""Arrays of samples: statistics and, later, peaks and filters."""
