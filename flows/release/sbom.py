"""The bill of materials of a release: CycloneDX, by its own library."""

import json
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.json_text import json_text
from veribeat.errors import InputError

if TYPE_CHECKING:  # the library takes a second to import
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import License

ROOT = "veribeat"

LONGEST_NAME = 80
"""Characters; a longer licence field is the text of a licence, not its name."""


def bill_of_materials(commit: str | None) -> str:
    """CycloneDX 1.6 in JSON: veribeat, and each package that it needs with version, licence and needs of its own.

    What only its developers need is left out. The same environment gives the same text: there is no serial number, and
    no time. `commit` is that of the code. Raises InputError when a package that is needed is not installed.
    """
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    needs = needed_packages(ROOT)
    components = {
        name: _component(name, ComponentType.APPLICATION if name == ROOT else ComponentType.LIBRARY)
        for name in sorted(needs)
    }
    root = components[ROOT]
    if commit is not None:
        root.properties.add(Property(name="veribeat:commit", value=commit))
    libraries = [component for name, component in components.items() if name != ROOT]
    bom = Bom(components=libraries, metadata=BomMetaData(component=root))
    for name, component in components.items():
        bom.register_dependency(component, [components[need] for need in sorted(needs[name])])
    return _without_chance(JsonV1Dot6(bom).output_as_string())


def needed_packages(root: str) -> dict[str, set[str]]:
    """Each installed package that `root` needs on this platform, directly or not -> what that one needs.

    The root is among them, without its extras; those of other packages count where they are asked for. Raises
    InputError when one is not installed.
    """
    needs: dict[str, set[str]] = {}
    seen, waiting = set(), [(root, "", root)]
    while waiting:
        name, extra, by = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        own = needs.setdefault(name, set())
        for requirement in _requirements(name, extra, by):
            need = canonicalize_name(requirement.name)
            own |= {need} - {name}  # an extra may ask for other extras of the same package
            waiting += [(need, further, name) for further in ("", *requirement.extras)]
    return needs


def _requirements(name: str, extra: str, by: str) -> Iterator[Requirement]:
    """What a package, which `by` needs, asks for here with one of its extras ("": none)."""
    try:
        lines = distribution(name).requires or ()
    except PackageNotFoundError as error:
        raise InputError(
            f"{by} needs the package {name}, which is not installed: install all of them with 'make install'."
        ) from error
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _component(name: str, kind: "ComponentType") -> "Component":
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    found = distribution(name)
    return Component(
        type=kind,
        name=name,
        version=found.version,
        bom_ref=f"{name}=={found.version}",
        purl=None if name == ROOT else PackageURL("pypi", None, name, found.version),
        licenses=_licences(found),
    )


def _licences(found: Distribution) -> list["License"]:
    """As its metadata declare them: in SPDX's words, else by classifiers, else by a name; none where they do not."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.license import LicenseAcknowledgement
    from cyclonedx.spdx import fixup_id, is_expression

    fields = (found.metadata.get_all(name) for name in ("License-Expression", "License"))
    expression, text = (values[0] if values else "" for values in fields)
    name = "" if len(text) > LONGEST_NAME or "\n" in text else text
    classifiers = [line.split(" :: ") for line in found.metadata.get_all("Classifier") or ()]
    classified = {parts[-1] for parts in classifiers if parts[0] == "License"} - {"OSI Approved"}
    if expression:
        names = {expression}
    elif name and (fixup_id(name) or is_expression(name) or not classified):
        names = {name}
    else:
        names = classified
    return [
        LicenseFactory().make_from_string(each, license_acknowledgement=LicenseAcknowledgement.DECLARED)
        for each in sorted(names)
    ]


def _without_chance(text: str) -> str:
    """The document without its random serial number and its time."""
    document = json.loads(text)
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    return json_text(document)
