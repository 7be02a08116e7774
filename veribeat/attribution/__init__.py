"""Attributions: how much each sample of each lead moves a logit."""
