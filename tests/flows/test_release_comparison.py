"""Where two files differ, and by how much two documents of metrics."""

from pathlib import Path

import pytest

from flows.release.audit import largest_change
from flows.release.comparison import first_difference


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("a.json", '{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}', "a.b[1] is 3, and was 2"),
        ("a.json", '{"a": 1}', '{"a": 1, "c": "x"}', "c is x, and was null"),
        ("a.json", "[1]", "[1, 2]", "all of it is [1, 2], and was [1]"),
        ("a.json", '{"a": 1}', '{"a":1}', "its spelling"),
        ("a.csv", "x,y\n1,2\n", "x,y\n1,3\n", "row 1, y, is 3, and was 2"),
        ("a.csv", "x,y\n1,2\n", "x,y\n1,2\n3,4\n", "it has 2 rows, and had 1"),
        ("a.csv", "x,y\n1,2\n", 'x,y\n1,"2"\n', "its spelling"),
        ("a.csv", "x,y\n1\n", "x,y\n1,2\n", "row 1, y, is 2, and was null"),
        ("a.csv", "x,y\n\n", "x,y\n1,2\n", "row 1, x, is 1, and was null"),
        ("a.csv", "", "x,y\n1,2\n", "it has 1 rows, and had 0"),
        ("a.json", "{", "{}", "its bytes; one of the two is damaged"),
        ("a.pt", "x", "y", "its bytes"),
    ],
)
def test_the_first_difference_is_a_field(
    tmp_path: Path, name: str, before: str, after: str, expected: str
) -> None:
    for folder, text in (("old", before), ("new", after)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    assert first_difference(tmp_path / "old" / name, tmp_path / "new" / name) == expected


def test_without_a_copy_or_a_new_file_there_is_no_field(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert first_difference(None, tmp_path / "a") == "its bytes; the release has no copy of it"
    assert first_difference(tmp_path / "a", tmp_path / "b") == "it was not made again"


def test_the_largest_change_is_found_wherever_it_is() -> None:
    before = {"test": {"f1": 0.5, "n": 3}, "name": "x"}
    assert largest_change(before, {"test": {"f1": 0.4, "n": 3}, "name": "x"}) == (
        "test.f1",
        pytest.approx(0.1),
    )
    assert largest_change(before, {"test": {"f1": 0.5}, "name": "x"}) == ("test.n", float("inf"))
    assert largest_change(before, before)[1] == 0.0
