"""Which source files a stage's results depend on, from the import graph."""

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import grimp

import tasks
from tasks.stage_description import Stage
from tasks.stages import CHOICES

CODE_ROOT = Path(str(tasks.__file__)).resolve().parents[1]
"""The folder that holds flows/, tasks/, models/, veribeat/ and constraints.txt."""

PACKAGES = ("veribeat", "models", "tasks")


def code_files(stage: Stage) -> tuple[str, ...]:
    """Files relative to CODE_ROOT, sorted: every module that the stage imports, directly or not, and the pinned
    environment.

    Package `__init__` files count, because importing a module runs them. Of a registry such as
    `models.backbones.registry` only the modules that the stage's parameters choose count (`Stage.chosen`), not the
    registry itself: a backbone more must not retrain the others. What it may map a name to is fixed by a test.
    """
    files = {_file_of(module) for module in _closure((stage.module, *stage.chosen)) - set(CHOICES)}
    return tuple(sorted(files | {"constraints.txt"}))


@lru_cache(maxsize=1)
def _import_graph() -> grimp.ImportGraph:
    # TYPE_CHECKING imports never run, so they cannot change a result.
    return grimp.build_graph(*PACKAGES, cache_dir=None, exclude_type_checking_imports=True)


def _closure(modules: Iterable[str]) -> set[str]:
    graph = _import_graph()
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting.extend(_packages_above(module))
        offered = CHOICES.get(module)
        for imported in graph.find_modules_directly_imported_by(module):
            if offered is None or not imported.startswith(f"{offered}."):
                waiting.append(imported)
    return found


def meaning(file: Path) -> str:
    """What a Python file does: its syntax tree without docstrings, so that words may change. Other files are whole."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(
            body, list
        ):  # a text that stands alone is a docstring, of a module, class, function or constant
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(line: ast.stmt) -> bool:
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )


def _packages_above(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _file_of(module: str) -> str:
    path = module.replace(".", "/")
    package = f"{path}/__init__.py"
    return package if (CODE_ROOT / package).is_file() else f"{path}.py"
