"""`veribeat audit`: is a release what it was signed as, and does its code make it again?"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flows.release.comparison import DifferingOutput, differing_outputs
from flows.release.contents import ENVIRONMENT, ENVIRONMENT_LOCK, PROVENANCE, copied_outputs
from flows.release.copies import first_misfit
from flows.release.environment import environment_differences
from flows.release.listings import differing_listings, write_listings
from flows.release.manifest import SIGNATURE, differences
from flows.release.reading import RECORDS, ReleaseFiles, leaves
from flows.release.record_digests import changed_records
from flows.release.rerun import Rerun, Sources, prepared_rerun
from flows.release.signature import verify
from flows.release.stages import CHAIN_FILE
from flows.tracking.lock import LOCK_FILE, read_lock
from flows.workspace import COHORT_LINK, Workspace
from tasks.params.reading import PARAMS_FILE
from tasks.stages import BATCHES
from veribeat.errors import InputError

Log = Callable[[str], None]


class Verdict(StrEnum):
    """How an audit ends."""

    INTACT = "intact"
    """Signature, manifest and copies of outputs fit; nothing was run again."""
    IDENTICAL = "identical"
    """Made again to the same bytes."""
    EQUIVALENT = "equivalent"
    """Made again in another environment to other bytes, with metrics within the tolerance."""
    DIFFERENT = "different"


@dataclass(frozen=True)
class Finding:
    """What one check of an audit has found."""

    check: str
    kept: bool
    detail: str


@dataclass(frozen=True)
class Audit:
    """What an audit has found, in the order of its checks."""

    release: str
    verdict: Verdict
    findings: tuple[Finding, ...]

    @property
    def first_difference(self) -> str | None:
        """The detail of the first check that failed."""
        return next((finding.detail for finding in self.findings if not finding.kept), None)

    def as_json(self) -> str:
        """The audit as a document."""
        findings = [{"check": each.check, "kept": each.kept, "detail": each.detail} for each in self.findings]
        content = {"release": self.release, "verdict": self.verdict, "findings": findings}
        return json.dumps(content, indent=2) + "\n"


def audit(
    release: Path,
    key: Ed25519PublicKey | None,
    rerun: tuple[Sources, Path | None] | None,
    tolerance: float,
    log: Log,
) -> Audit:
    """Check a release.

    Args:
        release: its folder.
        key: the public key that must have signed it; None takes any.
        rerun: where code and data are, and a new folder to run in (None for a temporary one); None runs nothing.
        tolerance: by how much a metric may differ in another environment.
        log: is told what is being done, line by line.

    Raises InputError when there is no such folder, or code or data cannot be had; StageFailed when a stage fails.
    """
    if not release.is_dir():
        raise InputError(f"There is no release {release}.")
    findings = [_signature(release, key), *_manifest(release)]
    files = ReleaseFiles(release)
    if all(finding.kept for finding in findings):
        findings.append(_copies(files))
    if rerun is None or not all(finding.kept for finding in findings):
        # A release that was changed is not worth a rerun: what would be compared with what?
        verdict = Verdict.INTACT if all(finding.kept for finding in findings) else Verdict.DIFFERENT
        return Audit(release.name, verdict, tuple(findings))
    sources, folder = rerun
    code, stages = files.value(PROVENANCE, "code"), files.value(PROVENANCE, "stages")
    if code["commit"] is None or code["dirty"]:
        what = "outside of git" if code["commit"] is None else "with changes that were not committed"
        raise InputError(
            f"{release} was made by code {what}, so that it cannot be made again; --quick still works."
        )
    with prepared_rerun(release, code["commit"], stages, sources, folder) as again:
        findings.append(_commands(again))
        if not findings[-1].kept:
            return Audit(release.name, Verdict.DIFFERENT, tuple(findings))
        changed = again.changed_inputs(stages)
        if changed:
            findings.append(_inputs(release, again, changed, log))
            return Audit(release.name, Verdict.DIFFERENT, tuple(findings))
        findings.append(Finding("code and data", True, f"as recorded: commit {code['commit'][:12]}"))
        for stage in stages:
            log(f"running '{stage}'")
            again.run(stage, log)
        differing = differing_outputs(
            read_lock(release), again.lock, stages, copied_outputs(release, files.arm)
        )
        listings = _listings(files, again.path, differing)
        elsewhere = environment_differences(files.value(ENVIRONMENT), files.text(ENVIRONMENT_LOCK))
        verdict, last = _verdict(differing, elsewhere, files, again.path, tolerance)
    if not listings.kept:
        verdict = Verdict.DIFFERENT
    findings += [_environment(elsewhere), listings, *last]
    return Audit(release.name, verdict, tuple(findings))


def _signature(release: Path, key: Ed25519PublicKey | None) -> Finding:
    if key is None and not (release / SIGNATURE).is_file():
        return Finding("signature", True, "not signed, and no key was given that should have")
    try:
        verified = verify(release, key)
    except InputError as error:
        return Finding("signature", False, str(error))
    whose = "the key given" if verified.trusted else "a key that nobody vouched for (give one with --key)"
    return Finding("signature", True, f"by {whose}, {verified.fingerprint[:16]}")


def _manifest(release: Path) -> list[Finding]:
    try:
        changed = differences(release)
    except InputError as error:
        return [Finding("manifest", False, str(error))]
    if not changed:
        return [Finding("manifest", True, "every file has the bytes that it lists")]
    return [Finding("manifest", False, f"{name} is {state}") for name, state in changed.items()]


def _copies(files: ReleaseFiles) -> Finding:
    """Whether the files that people use are outputs of stages that a rerun makes again."""
    misfit = first_misfit(files)
    return Finding("copies", misfit is None, misfit or f"every output has the bytes that {LOCK_FILE} records")


def _commands(again: Rerun) -> Finding:
    """Whether what a rerun executes is from the code, and nothing that was put into the release."""
    if again.code_writes_chain():
        return Finding("commands", True, f"{CHAIN_FILE} is what the code writes of {PARAMS_FILE}")
    return Finding("commands", False, f"{CHAIN_FILE} is not what the code writes of {PARAMS_FILE}")


def _inputs(release: Path, again: Rerun, changed: list[str], log: Log) -> Finding:
    """What of code or data is not as recorded; of data, which record."""
    detail = f"not as recorded: {', '.join(changed[:5])}{' ...' * (len(changed) > 5)}"
    if any(path.split("/")[0] in (str(COHORT_LINK), BATCHES) for path in changed):
        log("reading the data, to find out which record has changed")
        again.run("ingest", log)
        records = changed_records(release / RECORDS, again.path / "out")
        detail += f"; {records[0]}" if records else "; no record that this release was trained on has changed"
    return Finding("code and data", False, detail)


def _listings(files: ReleaseFiles, again: Path, outputs: list[DifferingOutput]) -> Finding:
    """Whether the tables of records are what the rerun's outputs say."""
    with TemporaryDirectory(prefix="veribeat-listings-") as made:
        write_listings(Path(made), Workspace(again), files.arm, files.champion)
        changed = {output.path for output in outputs}
        differing = differing_listings(files.folder, Path(made), files.arm, changed)
    if not differing:
        return Finding("listings", True, "made again to the same bytes")
    # First one that no other environment explains: what it is made from has the same bytes.
    first = min(differing, key=lambda each: each.follows)
    more = ", as do outputs that it is made from" * first.follows
    return Finding("listings", first.follows, f"{first.name} differs: {first.where}{more}")


def _environment(elsewhere: list[str]) -> Finding:
    detail = "; ".join(elsewhere[:3]) + " ..." * (len(elsewhere) > 3) if elsewhere else "as recorded"
    return Finding("environment", True, detail)


def _verdict(
    differing: list[DifferingOutput],
    elsewhere: list[str],
    files: ReleaseFiles,
    again: Path,
    tolerance: float,
) -> tuple[Verdict, list[Finding]]:
    if not differing:
        return Verdict.IDENTICAL, [Finding("outputs", True, "made again to the same bytes")]
    first = differing[0]
    named = f"{first.path} differs: {first.where}"
    more = f" (and {len(differing) - 1} more: {', '.join(each.path for each in differing[1:4])})"
    outputs = Finding("outputs", False, named + more * (len(differing) > 1))
    if not elsewhere:
        return Verdict.DIFFERENT, [outputs]
    made = ReleaseFiles(again / "out" / f"calibrate-{files.arm}")
    metric, by = largest_change(files.value("metrics.json"), made.value("metrics.json"))
    close = by <= tolerance
    found = Finding("metrics", close, f"{metric} changes most, by {by:.4g} (tolerance {tolerance:g})")
    return (Verdict.EQUIVALENT if close else Verdict.DIFFERENT), [outputs, found]


def largest_change(before: Any, after: Any) -> tuple[str, float]:
    """The number in a document that changes most, and by how much; infinite where one is missing or no number."""
    old, new = dict(leaves(before)), dict(leaves(after))
    changes = [
        (".".join(keys), _change(old.get(keys), new.get(keys))) for keys in sorted(old.keys() | new.keys())
    ]
    return max(changes, key=lambda change: change[1])


def _change(old: Any, new: Any) -> float:
    if isinstance(old, int | float) and isinstance(new, int | float):
        return abs(new - old)
    return 0.0 if old == new else float("inf")
