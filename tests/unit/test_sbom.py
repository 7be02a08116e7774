"""The bill of materials: valid CycloneDX, of what veribeat needs, the same each time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from fabricated import CODE

from flows.release import sbom
from flows.release.sbom import bill_of_materials, needed_packages
from veribeat.errors import InputError

COMMIT = "0123456789abcdef"


@pytest.fixture(scope="module")
def text() -> str:
    return bill_of_materials(COMMIT)


@pytest.fixture(scope="module")
def document(text: str) -> Any:
    return json.loads(text)


# Of this environment


def test_it_is_valid_by_the_strict_schema(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"type": "library"', '"type": "gadget"', 1)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_veribeat_is_the_root_with_its_commit(document: Any) -> None:
    root = document["metadata"]["component"]
    assert (root["name"], root["version"], root["type"]) == ("veribeat", version("veribeat"), "application")
    assert root["properties"] == [{"name": "veribeat:commit", "value": COMMIT}]
    assert "veribeat" not in {component["name"] for component in document["components"]}


def test_without_a_commit_there_is_no_property() -> None:
    assert "properties" not in json.loads(bill_of_materials(None))["metadata"]["component"]


def test_packages_have_version_purl_and_licence(document: Any) -> None:
    components = {component["name"]: component for component in document["components"]}
    numpy = components["numpy"]
    assert numpy["version"] == version("numpy")
    assert numpy["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert "BSD-3-Clause" in numpy["licenses"][0]["expression"]
    assert numpy["licenses"][0]["acknowledgement"] == "declared"
    assert components["torch"]["version"] == version("torch")  # "+cpu" and all
    assert len(components) == len(document["components"])


def test_tools_of_developers_are_left_out(document: Any) -> None:
    names = {component["name"] for component in document["components"]}
    assert not names & {"pytest", "mypy", "ruff", "hypothesis", "captum", "dtaidistance", "pip"}
    assert names >= {"torch", "prefect", "dvc", "mlflow", "cryptography"}


def test_every_package_is_reached_from_the_root(document: Any) -> None:
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    reached, waiting = set(), [document["metadata"]["component"]["bom-ref"]]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += needs[here]
    components = {component["bom-ref"] for component in document["components"]}
    assert reached - {document["metadata"]["component"]["bom-ref"]} == components


def test_another_process_writes_the_same_bytes(text: str) -> None:
    """Whatever order its sets have; so there is no time and no random number."""
    code = f"from flows.release.sbom import bill_of_materials as bom; print(bom({COMMIT!r}), end='')"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CODE, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == text


# Of packages that are made up

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, *metadata: str) -> None:
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *metadata]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")

    return install


def test_what_is_needed_is_found_however_deep(install: Install) -> None:
    install("made-up", "Requires-Dist: made_up.one>=1")
    install("made-up-one", "Requires-Dist: Made-Up-Two")
    install("made-up-two", "Requires-Dist: made-up-one")  # in a circle
    assert needed_packages("made-up") == {
        "made-up": {"made-up-one"},
        "made-up-one": {"made-up-two"},
        "made-up-two": {"made-up-one"},
    }


def test_markers_decide_what_is_needed_here(install: Install) -> None:
    install(
        "made-up",
        'Requires-Dist: made-up-here; python_version >= "3"',
        'Requires-Dist: not-there; sys_platform == "another"',
        'Requires-Dist: not-there-either; extra == "dev"',
    )
    install("made-up-here")
    assert needed_packages("made-up") == {"made-up": {"made-up-here"}, "made-up-here": set()}


def test_extras_count_where_a_package_asks_for_them(install: Install) -> None:
    """Also where an extra stands for other extras of the same package."""
    install("made-up", "Requires-Dist: made-up-one[all]", "Requires-Dist: made-up-two")
    install(
        "made-up-one",
        'Requires-Dist: made-up-one[fast]; extra == "all"',
        'Requires-Dist: made-up-three; extra == "fast"',
        'Requires-Dist: not-there; extra == "other"',
    )
    install("made-up-two", 'Requires-Dist: not-there; extra == "all"')
    install("made-up-three")
    assert needed_packages("made-up")["made-up-one"] == {"made-up-three"}
    assert set(needed_packages("made-up")) == {"made-up", "made-up-one", "made-up-two", "made-up-three"}


def test_a_package_that_is_needed_and_not_installed_is_named(install: Install) -> None:
    install("made-up", "Requires-Dist: made-up-one")
    install("made-up-one", "Requires-Dist: not-there")
    with pytest.raises(InputError, match="made-up-one needs the package not-there, which is not installed"):
        needed_packages("made-up")


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ((), None),
        (("License-Expression: MIT OR Apache-2.0", "License: other"), ["MIT OR Apache-2.0"]),
        (("License-Expression: " + " AND ".join(["MIT"] * 30),), [" AND ".join(["MIT"] * 30)]),
        (("License: bsd-3-clause", "Classifier: License :: OSI Approved :: BSD License"), ["BSD-3-Clause"]),
        (("License: EPL-2.0 OR MIT", "Classifier: License :: OSI Approved"), ["EPL-2.0 OR MIT"]),
        (("License: BSD", "Classifier: License :: OSI Approved :: BSD License"), ["BSD License"]),
        (
            (
                "License: Dual License",
                "Classifier: License :: OSI Approved :: MIT License",
                "Classifier: License :: OSI Approved :: BSD License",
            ),
            ["BSD License", "MIT License"],
        ),
        (("License: our own",), ["our own"]),
        (("License: all rights " + 80 * "x",), None),  # the text of a licence
        (("License: one line", "  and another"), None),
        (("Classifier: License :: OSI Approved", "Classifier: Topic :: X"), None),
    ],
)
def test_licences_are_what_the_metadata_declare(
    install: Install, monkeypatch: pytest.MonkeyPatch, metadata: tuple[str, ...], expected: list[str] | None
) -> None:
    monkeypatch.setattr(sbom, "ROOT", "made-up")
    install("made-up", "Requires-Dist: made-up-one")
    install("made-up-one", *metadata)
    text = bill_of_materials(None)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    (component,) = json.loads(text)["components"]
    found = [
        each.get("expression") or each["license"].get("id") or each["license"]["name"]
        for each in component.get("licenses", [])
    ]
    assert found == (expected or [])
