"""Addresses of servers as they may be shown."""

import re

_PASSWORD = re.compile(r"(?<=://)([^/:@]*):[^/]*(?=@)")
"""In an address: the user, who is kept, and the password."""


def without_password(address: str) -> str:
    """An address with its user, and without the password that may follow."""
    return _PASSWORD.sub(r"\1", address)
