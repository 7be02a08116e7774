"""How good the classifier is: decision thresholds, classification metrics, calibration, error patterns."""
