"""params.yaml into pydantic models; every mistake becomes one sentence that names the key."""

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from veribeat.errors import InputError

PARAMS_FILE = Path("params.yaml")


class Section(BaseModel):
    """A block of params.yaml: no unknown keys, no coercion of types, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnySection = TypeVar("AnySection", bound=BaseModel)

_sections_read: list[tuple[tuple[str, ...], Path, BaseModel]] = []
"""What this process was told, for `check_sections_unchanged`."""


def read_document(path: Path) -> dict[str, Any]:
    """The whole of params.yaml as plain dictionaries; InputError when it is missing or not YAML."""
    try:
        document = YAML(typ="safe").load(path)
    except FileNotFoundError as error:
        raise InputError(f"No {path} here: run this in a workspace, or give one with --workspace.") from error
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not text in UTF-8"
        raise InputError(f"{path}{where} is not valid YAML: {what}.") from error
    if not isinstance(document, dict):
        raise InputError(
            f"{path} must hold sections such as 'ingest:', but it holds {type(document).__name__}."
        )
    return document


def parse(model: type[AnySection], values: Any, prefix: str = "", path: Path = PARAMS_FILE) -> AnySection:
    """`values` as `model`; raises InputError naming the first wrong key below `prefix`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(part for part in (prefix, *_keys(first, values)) if part)
        raise InputError(f"{path}: {_sentence(first, key)}") from error


def _keys(error: Any, values: Any) -> list[str]:
    """The parts of an error's location that are keys: pydantic also names the member of a union that it tried."""
    keys = []
    for depth, part in enumerate(error["loc"], start=1):
        inside = (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        )
        if inside:
            values = values[part]
        if inside or (error["type"] == "missing" and depth == len(error["loc"])):
            keys.append(str(part))
    return keys


def read_section(model: type[AnySection], *keys: str, path: Path = PARAMS_FILE) -> AnySection:
    """The section at `keys` of params.yaml, such as ("arms", "baseline"), as `model`."""
    section = _section(model, keys, path)
    _sections_read.append((keys, path, section))
    return section


def check_sections_unchanged() -> None:
    """Raise InputError when a section that this process has read no longer says the same."""
    for keys, path, section in _sections_read:
        if _section(type(section), keys, path) != section:
            raise InputError(
                f"{path}: '{'.'.join(keys)}' was edited while this stage ran on it: run again, and its outputs will"
                " fit the parameters."
            )


def _section(model: type[AnySection], keys: tuple[str, ...], path: Path) -> AnySection:
    values: Any = read_document(path)
    for depth, key in enumerate(keys):
        if not isinstance(values, dict) or key not in values:
            raise InputError(f"{path}: the section '{'.'.join(keys[: depth + 1])}' is missing.")
        values = values[key]
    return parse(model, values, ".".join(keys), path)


def _sentence(error: Any, key: str) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"unknown key '{key}': remove it or correct its spelling."
    if kind == "missing":
        return f"the key '{key}' is missing."
    if kind == "value_error":
        return f"'{key}': {error['ctx']['error']}." if key else f"{error['ctx']['error']}."
    return f"'{key}' is {error['input']!r}, but {error['msg'].replace('Input should', 'it should')}."
