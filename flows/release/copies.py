"""Whether what people use of a release is what its dvc.lock records, as outputs of stages that an audit runs again."""

import hashlib

from flows.release.contents import PROVENANCE, copied_outputs
from flows.release.listings import listed_outputs
from flows.release.reading import ReleaseFiles
from flows.release.stages import upstream, writers, written_chain
from flows.tracking.lock import LOCK_FILE, read_lock


def first_misfit(files: ReleaseFiles) -> str | None:
    """The first file of a release that an audit of its outputs would say nothing about, in a sentence; None if all fit.

    Each copy of an output must have the bytes that dvc.lock records for one file (it names no file inside of a folder).
    The stage that makes it and all that lead to it by dvc.yaml must be among those that provenance.json lists, as must
    the stages behind records.csv, learnt.csv and selection_log.csv. Nothing is run. Raises InputError where a file that
    says so is missing or damaged.
    """
    chain, lock = written_chain(files.folder), read_lock(files.folder)
    stages = files.value(PROVENANCE, "stages")
    for stage in stages:
        if stage not in chain or stage not in lock.stages:
            return f"{PROVENANCE} lists the stage '{stage}', which dvc.yaml or {LOCK_FILE} does not have"
    writer = writers(chain)
    copies = copied_outputs(files.folder, files.arm)
    outputs = {path: copy.name for path, copy in copies.items()}
    for name, paths in listed_outputs(files.arm).items():
        outputs |= {path: name for path in paths if path not in outputs}
    for path, name in outputs.items():
        stage = writer.get(path)
        if stage is None:
            return f"{name} is from no stage: none in dvc.yaml makes {path}"
        if missing := [each for each in upstream(chain, [stage]) if each not in stages]:
            return f"{name} rests on the stage '{missing[0]}', which {PROVENANCE} does not list"
        md5 = lock.stages[stage].outputs.get(path)
        if md5 is None:
            return f"{name} is from no stage: {LOCK_FILE} does not record {path} for '{stage}'"
        copy = copies.get(path)
        if copy is not None and md5 != hashlib.md5(copy.read_bytes(), usedforsecurity=False).hexdigest():
            return f"{name} is not the {path} that {LOCK_FILE} records"
    return None
