"""What counts as a change of code for results that a comment must not undo."""

from pathlib import Path

from flows.code_dependencies import CODE_ROOT, meaning

CODE = '''"""Of a module."""

LIMIT = 3
"""Of a constant."""


def double(value: int) -> int:
    """Of a function."""
    # why
    return 2 * value
'''


def _meaning(tmp_path: Path, text: str, name: str = "code.py") -> str:
    file = tmp_path / name
    file.write_text(text)
    return meaning(file)


def test_words_do_not_change_what_code_means(tmp_path: Path) -> None:
    before = _meaning(tmp_path, CODE)
    assert _meaning(tmp_path, CODE.replace("Of a", "About a").replace("# why", "# because")) == before
    assert _meaning(tmp_path, CODE.replace("return 2 * value", "return (2 * value)")) == before


def test_anything_else_does(tmp_path: Path) -> None:
    before = _meaning(tmp_path, CODE)
    for old, new in {"LIMIT = 3": "LIMIT = 4", "2 * value": "value * 2", "-> int": "-> float"}.items():
        assert _meaning(tmp_path, CODE.replace(old, new)) != before
    assert _meaning(tmp_path, CODE + '\nNAME = "text"\n') != _meaning(tmp_path, CODE + '\nNAME = "other"\n')


def test_other_files_count_to_the_letter(tmp_path: Path) -> None:
    assert _meaning(tmp_path, "# torch\n", "constraints.txt") != _meaning(
        tmp_path, "# Torch\n", "constraints.txt"
    )


def test_a_changed_constant_changes_the_meaning_of_every_module(tmp_path: Path) -> None:
    files = list(CODE_ROOT.glob("models/**/*.py"))
    assert files
    for file in files:
        text = file.read_text()
        assert _meaning(tmp_path, text) == meaning(file)
        assert _meaning(tmp_path, text + "\nADDED = 1\n") != _meaning(tmp_path, text + "\nADDED = 2\n")
