"""What a run knows and the files of the stages do not say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RunContext:
    """When and where a projection is made; none of it is in a tracked output.

    `prefect_flow_run` is None outside a flow, `git_sha` outside a git checkout, `git_dirty` when nobody looked;
    `minutes` holds the wall time of the stages that ran; `other_versions` the packages that were not as pinned.
    """

    prefect_flow_run: str | None
    git_sha: str | None
    minutes: Mapping[str, float]
    git_dirty: bool | None = None
    other_versions: Sequence[str] = ()

    def code_tags(self) -> dict[str, str]:
        """Tags that name the code; those that begin with "mlflow." are what MLflow's pages show as source."""
        tags = {"mlflow.source.name": "veribeat", "mlflow.source.type": "LOCAL"}
        if self.git_sha is not None:
            tags |= {"git_sha": self.git_sha, "mlflow.source.git.commit": self.git_sha}
        if self.git_dirty is not None:
            tags["git_dirty"] = str(self.git_dirty).lower()
        if self.other_versions:
            tags["other_versions"] = ", ".join(self.other_versions)
        return tags
