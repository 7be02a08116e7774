"""A projection of what the stages wrote into MLflow."""
