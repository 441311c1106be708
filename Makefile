# make bench   sets everything up and measures this machine (about 10 minutes), with a report at the end
# make test    sets everything up and runs linters, types and tests; make lint: only linters and types
# make benchmark   measures what vpsbench itself costs (about 8 minutes), and writes docs/benchmarks.md
# make lab     runs the ground-truth lab: real hypervisors with real faults (root; about an hour)
# make lab-boot   runs on machines that systemd has booted: logins, reboots, power cuts (root; about half an hour); TRIALS="…"
# make docs    writes what in README.md and docs/ follows from the code
# make calibrate   measures how often signs accuse wrongly, and how soon rightly (half an hour); SIGNS="…": only those
# make bench PROFILE=standard PLAN=my-plan.toml;  make lab SCENARIOS="clean-1 hidden-steal-50" SCENARIO_FILE=mine.toml

PROFILE ?= quick
PLAN ?=
SCENARIOS ?=
SCENARIO_FILE ?=
SIGNS ?=
TRIALS ?=
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench test lint docs benchmark lab lab-smoke lab-boot calibrate clean
.DEFAULT_GOAL := bench

bench: $(VENV)/.bench
	@.ci/packages fio=fio
	@$(BIN)/vpsbench run --profile '$(PROFILE)' $(if $(PLAN),--plan '$(PLAN)')

test: $(VENV)/.test
	@.ci/packages fio=fio chromium=chromium openssl=openssl sqlite3=sqlite3
	@$(MAKE) --no-print-directory lint
	$(BIN)/pytest

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@test -n '$(PYTHON)' || { echo 'vpsbench needs Python 3.11 or newer: sudo apt-get install python3' >&2; exit 1; }
	@.ci/packages "$(PYTHON) -c 'import ensurepip'=python3-venv"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.bench: $(VENV)/bin/python pyproject.toml
	@echo 'setting up (once): Python packages into $(VENV)' >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	@echo 'setting up (once): Python packages for the tests into $(VENV)' >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.bench

docs: $(VENV)/.test
	@$(BIN)/python -m tests.tools.documents

benchmark: $(VENV)/.test
	@.ci/packages sar=sysstat vmstat=procps
	@$(BIN)/python -m tests.tools.benchmark

lab: $(VENV)/.test
	@$(BIN)/python -m tests.lab $(if $(SCENARIO_FILE),--file '$(SCENARIO_FILE)') $(SCENARIOS)

# Its tools want other versions of the libraries than the tests: a venv of its own.
calibrate:
	@$(MAKE) --no-print-directory VENV='$(VENV)-calibrate' '$(VENV)-calibrate/.calibrate'
	@$(VENV)-calibrate/bin/python -m tests.calibration $(SIGNS)

$(VENV)/.calibrate: $(VENV)/bin/python pyproject.toml
	@echo 'setting up (once): Python packages for calibrating into $(VENV)' >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,calibrate]'
	@touch $@

lab-smoke: $(VENV)/.test
	@$(BIN)/python -m tests.lab --smoke

lab-boot: $(VENV)/.test
	@$(BIN)/python -m tests.lab.boot $(TRIALS)

clean:
	rm -rf $(VENV) $(VENV)-calibrate .mypy_cache .ruff_cache .pytest_cache
