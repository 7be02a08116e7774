#!/bin/sh
# The work pool and the deployments of prefect.yaml; may run again at any time.
set -eu

prefect --no-prompt work-pool create veribeat --type process --overwrite
prefect --no-prompt work-pool set-concurrency-limit veribeat "$VERIBEAT_RUNS_AT_A_TIME"
prefect --no-prompt deploy --all --prefect-file infra/prefect.yaml
