"""The server that a run starts: its pages, too, must find it."""

import json
import os
import urllib.request
from pathlib import Path

import pytest

from flows.prefect_server import prefect_server


def test_the_pages_of_a_server_ask_that_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with prefect_server(tmp_path):
        address = os.environ["PREFECT_API_URL"]
        with urllib.request.urlopen(f"{address.removesuffix('/api')}/ui-settings", timeout=30) as answer:
            assert json.load(answer)["api_url"] == address
