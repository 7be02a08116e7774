"""Where an audit finds code and data that are not named: in the workspace that the release lies in."""

from pathlib import Path

from flows.code_dependencies import CODE_ROOT
from flows.release.rerun import Sources
from flows.remote import remote_url
from flows.workspace import COHORT_LINK, Workspace
from tasks.stages import RELEASES
from veribeat.errors import InputError


def sources_of(release: Path, code: str | None, data: Path | None, remote: str | None) -> Sources:
    """What is named, and for the rest what the release's workspace has, if it lies in one.

    Raises InputError when there is no folder `data`.
    """
    if data is not None and not data.is_dir():
        raise InputError(f"{data} is not a folder: name the PTB-XL folder that the release was made from.")
    place = _workspace_of(release)
    if place is not None:
        cohort = place.path / COHORT_LINK
        data = data or (cohort.resolve() if cohort.is_dir() else None)
        remote = remote or remote_url(place)
    return Sources(code or str(CODE_ROOT), data, remote)


def _workspace_of(release: Path) -> Workspace | None:
    folder = release.resolve().parent
    if folder.name != RELEASES or not (folder.parent / ".dvc").is_dir():
        return None
    return Workspace.at(folder.parent)
