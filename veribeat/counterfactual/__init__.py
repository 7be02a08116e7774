"""Counterfactual explanations: what would have to change in a recording for another diagnosis."""
