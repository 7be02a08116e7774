"""`veribeat keys`, `release`, `audit` and `diff`: releases, and whether they are what they say."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.command_line import HERE, AnyVersionsOption, KeyOption, WorkspaceOption, plain_console
from veribeat.errors import InputError

ReleaseArgument = Annotated[Path, typer.Argument(help="Folder of a release, such as W/releases/0003.")]


def release(
    name: Annotated[str, typer.Argument(help="Of the release, such as v1.2.")],
    reason: Annotated[str, typer.Option(help="Why it is made; it is kept in the release.")],
    arm: Annotated[
        str | None, typer.Option(help="Arm of params.yaml (default: the explained one, else baseline).")
    ] = None,
    key: KeyOption = None,
    workspace: WorkspaceOption = HERE,
    any_versions: AnyVersionsOption = False,
) -> None:
    """Make a release of a workspace's model: releases/NAME, with all that an audit of it needs.

    `veribeat retrain` makes one of every update that it accepts.
    """
    from flows.release.by_hand import release_by_hand
    from flows.release.signature import load_private_key
    from flows.workspace import Workspace
    from tasks.installed_versions import check_versions

    place = Workspace.at(workspace)
    versions = check_versions(allow_others=any_versions)
    private = None if key is None else load_private_key(key)
    chosen = arm or place.params().explain.arm or "baseline"
    with place.lock():
        folder = release_by_hand(place, name, chosen, reason, versions, private)
    print(f"Release: {folder}\nIts page: {folder / 'release.html'}")


def audit(
    release: ReleaseArgument,
    quick: Annotated[
        bool, typer.Option("--quick", help="Signature, manifest and copies of outputs alone; run nothing.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Public key (PEM) that must have signed it.")
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(metavar="PATH_OR_URL", help="Git repository of the code (default: the running one)."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="PTB-XL folder of the first records (default: that of the release's workspace)."),
    ] = None,
    remote: Annotated[
        str | None,
        typer.Option(metavar="PATH_OR_URL", help="DVC remote with the batches (default: the workspace's)."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="By how much a metric may differ on another processor.")
    ] = 0.01,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="New folder to run in, which is kept.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the audit there, as JSON.")
    ] = None,
) -> None:
    """Find out whether a release is what was signed, and whether its code and data make it again.

    Exit code 0 for intact, identical and equivalent, 1 for different, 2 where it cannot be audited.
    """
    from flows.release.audit import Verdict, audit
    from flows.release.show import show_audit
    from flows.release.signature import load_public_key
    from flows.release.sources import sources_of

    if keep is not None and keep.exists():
        raise InputError(f"{keep} exists already: choose another folder to run in.")
    public = None if key is None else load_public_key(key)
    rerun = None if quick else (sources_of(release, code, data, remote), keep)
    found = audit(release, public, rerun, tolerance, lambda line: print(line, file=sys.stderr))
    show_audit(found, plain_console())
    if out is not None:
        out.write_text(found.as_json(), encoding="utf-8")
    if found.verdict is Verdict.DIFFERENT:
        raise typer.Exit(1)


def keys(
    private: Annotated[
        Path, typer.Argument(help="File to make for the private key; the public one gets .pub.")
    ],
) -> None:
    """Make a key pair that signs releases: keep the first file to yourself, and hand the second one out.

    The private key is encrypted where the environment variable VERIBEAT_KEY_PASSPHRASE is set, and needs it then.
    """
    from flows.release.signature import write_key_pair

    public = private.with_name(f"{private.name}.pub")
    fingerprint = write_key_pair(private, public)
    print(f"Private key: {private}\nPublic key: {public}\nFingerprint: {fingerprint}")


def diff(
    before: Annotated[Path, typer.Argument(metavar="RELEASE_A", help="Folder of a release.")],
    after: Annotated[Path, typer.Argument(metavar="RELEASE_B", help="Folder of another one.")],
    json_: Annotated[
        bool, typer.Option("--json", help="Everything, with all records and metrics, as JSON.")
    ] = False,
) -> None:
    """Show what differs from one release to another: records, parameters, code, packages, scores, exclusions."""
    from flows.release.difference import compare_releases
    from flows.release.difference_tables import difference_json, show_difference

    found = compare_releases(before, after)
    if json_:
        print(difference_json(found))
    else:
        show_difference(found, plain_console())
