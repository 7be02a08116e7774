"""From SCP-ECG statements to the five diagnostic superclasses."""

import ast
import math
from collections.abc import Iterable, Mapping

from veribeat.conventions import SUPERCLASSES
from veribeat.data.quarantine import Reason, RecordRejected
from veribeat.errors import InputError

MAX_CODES_LENGTH = 10_000
"""Characters; the longest cell of PTB-XL has under 200. Keeps a hostile cell from exhausting the parser."""


def superclass_by_code(statements: Iterable[Mapping[str, str]], code_column: str) -> dict[str, str | None]:
    """Every known statement code with its superclass, None where the statement is not diagnostic.

    `statements` are the rows of scp_statements.csv as text. InputError when a code is listed twice or a
    diagnostic statement has no known superclass.
    """
    superclasses: dict[str, str | None] = {}
    for row in statements:
        code, diagnostic, superclass = row[code_column], row["diagnostic"], row["diagnostic_class"]
        if code in superclasses:
            raise InputError(f"scp_statements.csv lists the statement {code!r} twice; keep one of its rows.")
        if diagnostic not in ("", "0", "0.0", "1", "1.0"):
            raise InputError(
                f"scp_statements.csv: 'diagnostic' of {code!r} is {diagnostic!r}; it must be 1, 0 or empty."
            )
        is_diagnostic = diagnostic in ("1", "1.0")
        if is_diagnostic and superclass not in SUPERCLASSES:
            raise InputError(
                f"scp_statements.csv: 'diagnostic_class' of {code!r} is {superclass!r}; "
                f"a diagnostic statement needs one of {', '.join(SUPERCLASSES)}."
            )
        superclasses[code] = superclass if is_diagnostic else None
    return superclasses


def read_scp_codes(text: str) -> dict[str, float]:
    """The cell `scp_codes`, such as "{'NORM': 100.0, 'SR': 0.0}", as code -> likelihood in percent.

    The cell is read as a literal, never evaluated. RecordRejected unless it maps text to finite numbers.
    """
    if len(text) > MAX_CODES_LENGTH:
        raise RecordRejected(Reason.UNREADABLE_CODES, f"scp_codes has {len(text)} characters")
    try:
        codes = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        codes = None
    if not isinstance(codes, dict) or not all(
        isinstance(code, str) and _is_number(likelihood) for code, likelihood in codes.items()
    ):
        raise RecordRejected(
            Reason.UNREADABLE_CODES,
            f"scp_codes is {text[:60]!r}; expected a dictionary of statement to number",
        )
    return {code: float(likelihood) for code, likelihood in codes.items()}


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def superclasses_of(codes: Iterable[str], superclass_by_code: Mapping[str, str | None]) -> dict[str, bool]:
    """Which superclasses a record's statements name, at any likelihood, one entry per superclass.

    RecordRejected when a statement is not in scp_statements.csv.
    """
    codes = list(codes)
    unknown = sorted(set(codes) - superclass_by_code.keys())
    if unknown:
        raise RecordRejected(
            Reason.UNKNOWN_STATEMENT, f"scp_statements.csv does not list {', '.join(map(repr, unknown))}"
        )
    present = {superclass_by_code[code] for code in codes}
    return {superclass: superclass in present for superclass in SUPERCLASSES}
