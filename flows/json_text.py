"""JSON as the files of updates and releases hold it: the same content is the same bytes."""

import json
from typing import Any


def json_text(content: Any) -> str:
    """JSON with sorted keys, two-space indents and a final newline; raises ValueError for NaN, which is no JSON."""
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
