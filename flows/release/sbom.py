"""The bill of materials of a release: CycloneDX, by its own library."""

import json
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "veribeat"


def bill_of_materials(commit: str | None) -> str:
    """CycloneDX 1.6 in JSON: veribeat, and each package that it needs with version, licence and needs of its own.

    What only its developers need is left out. The same environment gives the same text: there is no serial number, and
    no time. `commit` is that of the code.
    """
    # The library takes a second to import.
    from cyclonedx.factory.license import LicenseFactory
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    licences = LicenseFactory()

    def component(name: str, found: Distribution, kind: Any) -> Component:
        licence = _licence(found)
        return Component(
            type=kind,
            name=name,
            version=found.version,
            bom_ref=f"{name}=={found.version}",
            purl=None if name == ROOT else PackageURL("pypi", None, name, found.version),
            licenses=[] if licence is None else [licences.make_from_string(licence)],
        )

    needed = dict(sorted(closure().items()))
    root = component(ROOT, distribution(ROOT), ComponentType.APPLICATION)
    if commit is not None:
        root.properties.add(Property(name="veribeat:commit", value=commit))
    components = {name: component(name, found, ComponentType.LIBRARY) for name, found in needed.items()}
    bom = Bom(components=components.values(), metadata=BomMetaData(component=root))
    for name, found in {ROOT: distribution(ROOT), **needed}.items():
        needs = [
            components[need] for need in sorted({need for need, _ in _needs(found)}) if need in components
        ]
        bom.register_dependency(root if name == ROOT else components[name], needs)
    return _without_chance(str(JsonV1Dot6(bom).output_as_string(indent=2)))


def closure() -> dict[str, Distribution]:
    """Name -> package, of all that is installed and that veribeat needs, directly or not; itself left out."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(_needs(distribution(ROOT)))
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name == ROOT:
            continue
        seen.add((name, extra))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # pip has found another way to meet the need
        waiting += _needs(found[name], extra)
    return found


def _needs(found: Distribution, extra: str = "") -> Iterator[tuple[str, str]]:
    """What a package needs on this platform with one of its extras ("": none): names, each with an extra."""
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            name = canonicalize_name(requirement.name)
            yield name, ""
            for further in sorted(requirement.extras):
                yield name, further


def _licence(found: Distribution) -> str | None:
    """As its metadata name it: an expression, else a classifier, else a short text; None where they do not."""
    metadata = found.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    if classifiers:
        return str(classifiers[0].rpartition(" :: ")[2])
    text = str(metadata.get("License") or "").strip()
    return text if text and len(text) < 80 and "\n" not in text else None


def _without_chance(text: str) -> str:
    """The document without its random serial number and its time."""
    document = json.loads(text)
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
