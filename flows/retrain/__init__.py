"""Updates of a model by new records: taken, screened, learnt from, judged, and accepted or held back."""
