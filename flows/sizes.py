"""Sizes as people read them."""


def size_text(size: int) -> str:
    """Such as "512 bytes", "23.4 KiB" or "1.2 GiB"."""
    if size < 1024:
        return f"{size} bytes"
    scaled = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        scaled /= 1024
        if scaled < 1024:
            return f"{scaled:.1f} {unit}"
    return f"{scaled / 1024:.1f} TiB"
