"""Files that appear whole or not at all, and the JSON that they hold."""

import math
from pathlib import Path

import pytest

from flows.folders import copy_whole, write_whole
from flows.json_text import json_text


def test_a_file_holds_the_old_content_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "page.html"
    write_whole(file, "old µ\n")
    assert file.read_bytes() == "old µ\n".encode()

    def cut_off(scratch: Path, content: str, encoding: str) -> int:
        scratch.write_bytes(content[:1].encode(encoding))
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "write_text", cut_off)
    with pytest.raises(OSError, match="the disk is full"):
        write_whole(file, "new\n")
    assert file.read_text() == "old µ\n"
    monkeypatch.undo()
    write_whole(file, b"new\n")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert file.read_bytes() == b"new\n"


def test_a_copy_does_not_touch_what_the_target_was_linked_to(tmp_path: Path) -> None:
    source, target, linked = (tmp_path / name for name in ("source", "target", "linked"))
    source.write_text("new")
    linked.write_text("old")
    target.hardlink_to(linked)
    copy_whole(source, target)
    assert (target.read_text(), linked.read_text()) == ("new", "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linked", "source", "target"]


def test_json_is_the_same_bytes_for_the_same_content() -> None:
    text = '{\n  "a": [\n    1.5\n  ],\n  "b": "\\u00b5"\n}\n'
    assert json_text({"b": "µ", "a": [1.5]}) == json_text({"a": [1.5], "b": "µ"}) == text


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text({"score": math.nan})
