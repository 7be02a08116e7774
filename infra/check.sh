#!/usr/bin/env bash
# Proves compose.yaml without containers: each service of it runs on loopback, with the command, the settings and the
# health check that it has there; a small pipeline goes through the worker, and must give the bytes of a local run.
# PostgreSQL and Redis are Debian's; moto's server stands in for the S3 store. 'make infra-check' makes the environments.
set -euo pipefail

code=$(cd "$(dirname "$0")/.." && pwd)
tools=$code/${INFRA_VENV:-.venv-infra}/bin
s3_tools=$code/${S3_VENV:-.venv-s3}/bin
patience=300 # seconds for a service to be healthy; the first start migrates a database

fail() {
  echo "error: $*" >&2
  exit 1
}

postgres_tools=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort --version-sort | tail -n 1)
[ -n "$postgres_tools" ] || fail "PostgreSQL is missing: apt-get install postgresql"
command -v redis-server >/dev/null || fail "Redis is missing: apt-get install redis-server"
for tool in "$tools/veribeat" "$s3_tools/moto_server"; do
  [ -x "$tool" ] || fail "$tool is missing: make infra-check"
done
PATH=$tools:$postgres_tools:$PATH

state=$(mktemp --directory --tmpdir veribeat-infra-XXXXXX)
chmod 711 "$state" # PostgreSQL's own user goes through
mkdir "$state/logs" "$state/home" "$state/server" "$state/local" "$state/postgres"
cd "$state"

# --- what runs, and its end

services=()           # in the order of their start
declare -A leaders=() # name -> leader of the service's process group
postgres_runs=false

as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" = 0 ]; then (cd / && runuser --user postgres -- "$@"); else "$@"; fi
}

start() { # NAME COMMAND...: in the background
  local name=$1
  shift
  setsid "$@" >"$state/logs/$name" 2>&1 &
  leaders[$name]=$!
  services+=("$name")
  disown # bash would report its end
}

left_over() { # processes whose HOME is that of this check
  local file
  for file in /proc/[0-9]*/environ; do
    if grep --quiet --null-data --text --line-regexp "HOME=$state/home" "$file" 2>/dev/null; then
      file=${file%/environ}
      echo "${file##*/}"
    fi
  done
}

stop() {
  local name leader i
  for ((i = ${#services[@]} - 1; i >= 0; i--)); do
    name=${services[i]}
    leader=${leaders[$name]}
    kill -TERM -- "-$leader" 2>/dev/null || continue
    for _ in $(seq 100); do
      kill -0 -- "-$leader" 2>/dev/null || break
      sleep 0.2
    done
    if kill -KILL -- "-$leader" 2>/dev/null; then echo "SIGTERM did not end $name, so it was killed" >&2; fi
  done
  services=()
  if $postgres_runs; then
    as_postgres pg_ctl stop --silent --mode fast --pgdata "$state/postgres/data"
    postgres_runs=false
  fi
}

finish() {
  local status=$?
  trap - EXIT
  if [ "$status" -ne 0 ]; then
    tail --lines 15 "$state"/logs/* >&2 || true
  fi
  stop
  for pid in $(left_over); do
    kill -KILL "$pid" 2>/dev/null || true
  done
  rm -rf "$state"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

wait_until() { # NAME COMMAND...: until the command succeeds
  local name=$1 since=$SECONDS
  shift
  until "$@" >/dev/null 2>&1; do
    if [ -n "${leaders[$name]:-}" ]; then
      kill -0 "${leaders[$name]}" 2>/dev/null || fail "$name has ended"
    fi
    [ $((SECONDS - since)) -lt "$patience" ] || fail "$name is not healthy after $patience s"
    sleep 0.5
  done
  echo "healthy: $name"
}

service() { # SERVICE [--health | COMMAND...]: as compose.yaml has it
  python "$code/infra/without_containers.py" "$@"
}

serve() { # SERVICE: in the background, until its health check passes
  start "$1" python "$code/infra/without_containers.py" "$1"
  wait_until "$1" service "$1" --health
}

once() { # SERVICE [COMMAND...]: to its end
  local log=$state/logs/once-$1
  service "$@" >>"$log" 2>&1 || fail "$* failed"
  echo "done: $*"
}

# --- settings: what .env holds, and a free port for each that compose.yaml names

random() { python -c 'import secrets; print(secrets.token_hex(16))'; }

export HOME=$state/home TMPDIR=$state/home
POSTGRES_PASSWORD=$(random) PREFECT_DATABASE_PASSWORD=$(random) MLFLOW_DATABASE_PASSWORD=$(random)
REDIS_PASSWORD=$(random) PREFECT_USER_PASSWORD=admin:$(random) S3_ACCESS_KEY=$(random) S3_SECRET_KEY=$(random)
export POSTGRES_PASSWORD PREFECT_DATABASE_PASSWORD MLFLOW_DATABASE_PASSWORD REDIS_PASSWORD
export PREFECT_USER_PASSWORD S3_ACCESS_KEY S3_SECRET_KEY
export VERIBEAT_WORKSPACE=$state/server/small VERIBEAT_DATA=$state/cohort

names=(postgres:5432 redis:6379 s3:9000 prefect-server:4200 mlflow:5000 worker:8080)
VERIBEAT_PORTS=$(
  python - "${names[@]}" <<'PY'
import socket
import sys

probes = [socket.create_server(("127.0.0.1", 0)) for _ in sys.argv[1:]]
print(*(f"{name}={probe.getsockname()[1]}" for name, probe in zip(sys.argv[1:], probes, strict=True)))
PY
)
export VERIBEAT_PORTS
port_of() { grep --only-matching --perl-regexp "(?<![\w-])$1:\d+=\K\d+" <<<"$VERIBEAT_PORTS"; }

# --- two workspaces on one simulated cohort; they share no cache

small=(
  --set presets.short.max_epochs=2 --set ingest.max_quarantined=0.5
  --set explain.arm=null --set explain.witness=null
  --set 'arms={baseline: {backbone: cnn_gru_flow, preset: short, selection: full, seed: 1}}'
)
veribeat data synthetic "$state/cohort" --records 160
veribeat init "$VERIBEAT_WORKSPACE" --data "$state/cohort" --remote s3://veribeat/dvc "${small[@]}"
veribeat init "$state/local/small" --data "$state/cohort" "${small[@]}"

# --- the services, in the order that compose.yaml gives them

postgres --version
(umask 077 && echo "$POSTGRES_PASSWORD" >"$state/postgres/password")
if [ "$(id -u)" = 0 ]; then chown --recursive postgres "$state/postgres"; fi
as_postgres initdb --pgdata "$state/postgres/data" --username postgres --auth scram-sha-256 \
  --pwfile "$state/postgres/password" >"$state/logs/initdb"
as_postgres pg_ctl start --silent --pgdata "$state/postgres/data" --log "$state/postgres/log" \
  --options "-p $(port_of postgres) -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
postgres_runs=true
export PGHOST=127.0.0.1 PGPORT
PGPORT=$(port_of postgres)
PGPASSWORD=$POSTGRES_PASSWORD sh "$code/infra/databases.sh"
wait_until postgres service postgres --health

redis-server --version
serve redis
start s3 "$s3_tools/moto_server" --host 127.0.0.1 --port "$(port_of s3)"
wait_until s3 python "$code/infra/healthy.py" "http://127.0.0.1:$(port_of s3)/moto-api/"
once bucket
once prefect-database
serve prefect-server
start prefect-services python "$code/infra/without_containers.py" prefect-services
serve mlflow
once deployments
serve worker

# --- the same pipeline through the worker and without any server

once worker prefect deployment run pipeline/pipeline --watch --watch-interval 2
veribeat run --workspace "$state/local/small" >"$state/logs/local" 2>&1 || fail "the local run failed"
echo "done: veribeat run"

# Task runs reach the database by Redis and the background services alone.
tasks=$(PGPASSWORD=$PREFECT_DATABASE_PASSWORD psql --username prefect --dbname prefect --tuples-only --no-align \
  --command "SELECT string_agg(name, ' ' ORDER BY start_time) FROM task_run WHERE state_type = 'COMPLETED'")
echo "recorded by Prefect: $tasks"
[[ $tasks == *log-to-mlflow* ]] || fail "Prefect's background services did not record the last task"

service worker python infra/check_tracking.py "$VERIBEAT_WORKSPACE" veribeat

# --- its outputs by way of the S3 store: what a fresh clone of the workspace pulls

once worker veribeat push --workspace "$VERIBEAT_WORKSPACE"
clone=$state/clone
mkdir --parents "$clone/.dvc"
(cd "$VERIBEAT_WORKSPACE" && cp --no-dereference --recursive params.yaml dvc.yaml dvc.lock .dvcignore cohort code "$clone")
cp "$VERIBEAT_WORKSPACE/.dvc/config" "$clone/.dvc"
once worker sh -c "cd '$clone' && dvc pull"

# --- a backup of MLflow's database, restored beside it

export PGUSER=postgres PGPASSWORD=$POSTGRES_PASSWORD
rows() { pg_dump --data-only --dbname "$1" | grep --invert-match restrict | sort; } # such a line is drawn at random
pg_dump --format custom --dbname mlflow >"$state/mlflow.dump"
createdb --template template0 --owner mlflow restored
pg_restore --dbname restored <"$state/mlflow.dump"
cmp <(rows mlflow) <(rows restored)
echo "restored: MLflow's database, $(rows restored | wc --lines) lines of data"

# --- byte for byte

for other in "$state/local/small" "$clone"; do
  cmp "$VERIBEAT_WORKSPACE/dvc.lock" "$other/dvc.lock"
  diff --recursive "$VERIBEAT_WORKSPACE/out" "$other/out"
done
echo "compared: $(find "$VERIBEAT_WORKSPACE/out" -type f | wc --lines) files of the worker, the local run and the pull"

stop
left=$(left_over)
[ -z "$left" ] || fail "still running: $left"
echo "identical"
