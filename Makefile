# The two that matter: `make demo` and `make test`.
PYTHON ?= python3
DUCKDB ?= 1.5.5
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

export DO_NOT_TRACK := 1

help: ## Show what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.installed ## A small store, from events to acknowledged syncs (folder demo/)
	$(BIN)/cdp demo demo

test: $(VENV)/.installed-dev ## Every test but the slow ones
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow"

test-slow: $(VENV)/.installed-slow ## The tests that take minutes
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m slow

test-duckdb2: ## The core of the suite on DuckDB 2.0, in a virtual environment of its own
	$(MAKE) VENV=.venv-duckdb2 DUCKDB=2.0.0 .venv-duckdb2/.installed-dev
	.venv-duckdb2/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow" tests/loader tests/pipeline tests/identity tests/audiences tests/syncs

check: $(VENV)/.installed-dev ## Formatting, lint, types, and generated models against definitions
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/cdp compile --check --project-dir dbt_project

compile: $(VENV)/.installed ## Write the generated models of dbt_project
	$(BIN)/cdp compile --project-dir dbt_project

bench: $(VENV)/.installed-dev ## One million events beside a hand-written script
	$(BIN)/python -m bench.pipeline

bench-graph: $(VENV)/.installed-dev ## Components of ten million edges beside scipy and others, and what a change of them costs
	$(BIN)/python -m bench.graph
	$(BIN)/python -m bench.graph.change

bench-audiences: $(VENV)/.installed-dev ## A hundred audiences of 30 million events beside separate queries
	$(BIN)/python -m bench.audiences

bench-syncs: $(VENV)/.installed-dev ## A million rows to a local HTTP sink beside a bare loop; what changed in ten million
	$(BIN)/python -m bench.syncs.send
	$(BIN)/python -m bench.syncs.diff

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-duckdb2 demo dist dbt_project/target dbt_project/logs

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) --constraint .ci/constraints.txt "duckdb==$(DUCKDB)" --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml .ci/constraints.txt | $(VENV)/bin/python
	$(PIP_INSTALL) --constraint .ci/constraints.txt "duckdb==$(DUCKDB)" --editable ".[dev]"
	touch $@ $(VENV)/.installed

# Spark is half a gigabyte that only the slow tests need.
$(VENV)/.installed-slow: $(VENV)/.installed-dev
	$(PIP_INSTALL) --constraint .ci/constraints.txt "duckdb==$(DUCKDB)" --editable ".[dev,spark]"
	touch $@

.PHONY: help demo test test-slow test-duckdb2 check compile bench bench-graph bench-audiences bench-syncs clean
