"""Edits of params.yaml."""

from pathlib import Path

from ruamel.yaml import YAML


def set_param(file: Path, key: str, value: object) -> None:
    """Change one value of a params.yaml."""
    yaml = YAML(typ="safe")
    document = yaml.load(file)
    *parents, last = key.split(".")
    block = document
    for parent in parents:
        block = block[parent]
    block[last] = value
    yaml.dump(document, file)
