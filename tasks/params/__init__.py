"""One pydantic model per stage: the knobs of params.yaml with their units and limits."""
