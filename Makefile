# `make run` and `make test` need Python 3.11 and nothing else.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: help install run test test-slow test-all lint format bench infra-check clean

help:
	@echo "make run       the pipeline on the simulated cohort, from records to a page of results"
	@echo "make test      linters and the test suite (with PTBXL_ROOT set: on real records too)"
	@echo "make test-slow  tests of half a minute or more each: stages made again, kills, resumed trainings"
	@echo "make test-all  all of them, and those that take hours: kills at random moments, the whole of PTB-XL"
	@echo "make infra-check  the services of infra/compose.yaml without containers: the same bytes as a local run"
	@echo "make bench     measure beside other libraries, into docs/benchmarks.md (WORKSPACE=FOLDER, QUICK=1)"

install: $(INSTALLED)

$(INSTALLED): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

run: install
	$(BIN)/veribeat run

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# One file of tests after the other in each process: tests of a file share what is slow to make.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: lint
	$(PYTEST) -m "not slow and not hours"

test-slow: install
	$(PYTEST) -m "slow and not hours"

test-all: lint
	$(PYTEST)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Needs the prototypes of WORKSPACE: in the root, those of `make run`. The libraries that we compare with have an
# environment of their own, so that none becomes a dependency of the project; its pins are those of the project.
WORKSPACE := .
QUICK :=
BENCH_VENV := .venv-bench
BENCH_PIP := $(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check
BENCH_INSTALLED := $(BENCH_VENV)/installed
BENCH_PINS := benchmarks/requirements.txt benchmarks/requirements-no-deps.txt

$(BENCH_INSTALLED): constraints.txt pyproject.toml $(BENCH_PINS)
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_PIP) --constraint constraints.txt --editable . --requirement benchmarks/requirements.txt
	$(BENCH_PIP) --no-deps --requirement benchmarks/requirements-no-deps.txt
	touch $@

bench: $(BENCH_INSTALLED)
	$(BENCH_VENV)/bin/python -m benchmarks.run_all $(WORKSPACE) $(if $(QUICK),--quick)

# What servers need besides, and the stand-in for their S3 store, in environments of their own.
INFRA_VENV := .venv-infra
S3_VENV := .venv-s3
INFRA_INSTALLED := $(INFRA_VENV)/installed
INFRA_PINS := infra/requirements.txt infra/requirements-s3.txt

$(INFRA_INSTALLED): constraints.txt pyproject.toml $(INFRA_PINS)
	$(PYTHON) -m venv $(INFRA_VENV)
	$(INFRA_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[server]' --requirement infra/requirements.txt
	$(PYTHON) -m venv $(S3_VENV)
	$(S3_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--requirement infra/requirements-s3.txt
	touch $@

infra-check: $(INFRA_INSTALLED)
	INFRA_VENV=$(INFRA_VENV) S3_VENV=$(S3_VENV) infra/check.sh

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(INFRA_VENV) $(S3_VENV) build *.egg-info
