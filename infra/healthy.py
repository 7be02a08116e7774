"""Exit with 0 when an address answers with 200: a health check for images without curl."""

import sys
import urllib.error
import urllib.request


def is_healthy(address: str) -> bool:
    """Whether the address answers with 200 within seconds."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        print(f"{address}: {error}", file=sys.stderr)
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy(sys.argv[1]) else 1)
