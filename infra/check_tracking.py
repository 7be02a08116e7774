"""Check that MLflow's server holds the runs of a workspace, and the S3 store the very weights that it trained.

python infra/check_tracking.py WORKSPACE BUCKET
"""

import hashlib
import sys
from pathlib import Path

import boto3
from mlflow.tracking import MlflowClient

PREFIX = "mlflow/"
"""Of MLflow's files in the bucket, as compose.yaml says."""


def check(workspace: Path, bucket: str) -> str:
    """What was found, in one sentence; raises SystemExit with one when something is missing."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name(workspace.name)
    if experiment is None:
        raise SystemExit(f"MLflow's server has no experiment '{workspace.name}'.")
    if not experiment.artifact_location.startswith("mlflow-artifacts:"):
        raise SystemExit(f"MLflow's artifacts go past its server, to {experiment.artifact_location}.")
    runs = client.search_runs([experiment.experiment_id])
    unfinished = [run.info.run_id for run in runs if run.info.status != "FINISHED"]
    if len(runs) < 2 or unfinished:
        raise SystemExit(f"MLflow's server has {len(runs)} runs, and of these are unfinished: {unfinished}.")
    trained = {digest(file.read_bytes()): file for file in workspace.glob("out/train-*/model.pt")}
    if not trained:
        raise SystemExit(f"{workspace} has no weights.")
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    stored = {
        digest(s3.get_object(Bucket=bucket, Key=key)["Body"].read()): key
        for key in keys
        if "/models/" in key and key.endswith("/model.pt")
    }
    missing = [str(file) for found, file in trained.items() if found not in stored]
    if missing:
        raise SystemExit(
            f"The S3 store lacks the weights {', '.join(missing)}; it has {sorted(stored.values())}."
        )
    weights = f"the weights of {len(trained)} arm(s) among them"
    return f"MLflow: {len(runs)} finished runs, {len(keys)} files in S3, {weights}"


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    print(check(Path(sys.argv[1]), sys.argv[2]))
