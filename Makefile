# What a developer runs; `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/*)

# The pins hold for the environment and, by these variables, for the isolated ones in which pip builds.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
INSTALL := $(BIN)/python -m pip install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test plugins lint types docs wheel clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## classify ObsPy's bundled seismogram; results in demo-output/
	$(BIN)/seisbench-lcl demo --out demo-output

test: $(VENV)/.extra-test ## run the tests; ARGS="-k ridge" chooses among them
	$(BIN)/python -m pytest $(ARGS)

plugins: $(VENV)/.plugins ## run the tests of the plugins in plugins/
	set -e; for plugin in $(PLUGINS); do (cd $$plugin && $(CURDIR)/$(BIN)/python -m pytest $(ARGS)); done

lint: $(VENV)/.extra-lint ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.extra-lint ## mypy, strict
	$(BIN)/mypy
	$(BIN)/mypy $(wildcard plugins/*/seisbench_lcl_*)

docs: $(VENV)/.extra-docs ## the documentation, in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

wheel: $(VENV)/.build ## the wheels of the package and of the plugins, in dist/
	rm -rf dist
	set -e; for project in . $(PLUGINS); do $(BIN)/python -m build --wheel --outdir dist $$project; done

clean: ## remove what the other targets made, except .venv
	rm -rf demo-output dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find seisbench_lcl plugins tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Stamps: nothing is installed twice until pyproject.toml or constraints.txt changes.
# torch comes first and by itself, so that a CPU build chosen beforehand or by pip's own settings is kept.
$(VENV)/.base: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) --editable .
	touch $@

$(VENV)/.extra-%: $(VENV)/.base
	$(INSTALL) --editable '.[$*]'
	touch $@

$(VENV)/.plugins: $(VENV)/.extra-test $(wildcard plugins/*/pyproject.toml)
	$(INSTALL) --no-deps $(addprefix --editable ./,$(PLUGINS))
	touch $@

$(VENV)/.build: $(VENV)/.base
	$(INSTALL) build
	touch $@
