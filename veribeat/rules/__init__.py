"""PHAR: from attributions to interval rules that keep a prediction ([CF] 3.1, 4.6.1)."""
