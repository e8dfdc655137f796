# The commands of a developer; `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(wildcard plugins/*)

# The pins apply to the environment and, by these variables, to the isolated environments in which pip builds.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(PIP_CONSTRAINT)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The gate has uv install: make INSTALL='uv pip install --python .venv/bin/python'
INSTALL := $(BIN)/python -m pip install --quiet

# One process for each core, with one thread each: threads of several processes would contend.
PYTEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest
PARALLEL := --numprocesses auto --dist worksteal --durations 10

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all plugins lint types docs wheel clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## classify ObsPy's bundled seismogram; results in demo-output/
	$(BIN)/seisbench-lcl demo --out demo-output

test: $(VENV)/.extra-test ## run the fast tests; ARGS="-k ridge" selects some of them
	$(PYTEST) $(PARALLEL) -m "not slow" $(ARGS)

test-slow: $(VENV)/.extra-test ## run the tests with processes, servers, fuzzing and fresh environments
	$(PYTEST) $(PARALLEL) -m slow $(ARGS)

test-all: $(VENV)/.extra-test ## run all tests, with many examples of each property
	HYPOTHESIS_PROFILE=large $(PYTEST) $(PARALLEL) $(ARGS)

plugins: $(VENV)/.plugins ## run the tests of the plugins in plugins/
	set -e; for plugin in $(PLUGINS); do (cd $$plugin && $(CURDIR)/$(BIN)/python -m pytest $(ARGS)); done

lint: $(VENV)/.extra-lint ## ruff: rules and format; schemas of the files for GitHub
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

types: $(VENV)/.extra-lint ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.extra-docs ## build the documentation in docs/_build/html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

wheel: $(VENV)/.build ## build the wheels of the package and of the plugins in dist/
	rm -rf dist
	set -e; for project in . $(PLUGINS); do $(BIN)/python -m build --no-isolation --wheel --outdir dist $$project; done

clean: ## remove the outputs of the other targets, except .venv
	rm -rf demo-output dist docs/_build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find seisbench_lcl plugins tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# Stamps: nothing is installed again until pyproject.toml, constraints.txt or the version, which plugins ask for, changes.
# torch is installed first and alone, so that a CPU build chosen beforehand or by pip's settings is kept.
$(VENV)/.base: pyproject.toml constraints.txt seisbench_lcl/_version.py
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) --editable .
	touch $@

$(VENV)/.extra-%: $(VENV)/.base
	$(INSTALL) --editable '.[$*]'
	touch $@

# All of them in one go, which takes pip half the time.
$(VENV)/.everything: pyproject.toml constraints.txt seisbench_lcl/_version.py $(wildcard plugins/*/pyproject.toml)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch
	$(INSTALL) --editable '.[test,lint,docs]' build hatchling
	$(INSTALL) --no-deps $(addprefix --editable ./,$(PLUGINS))
	touch $(addprefix $(VENV)/,.base .extra-test .extra-lint .extra-docs .plugins .build .everything)

$(VENV)/.plugins: $(VENV)/.extra-test $(wildcard plugins/*/pyproject.toml)
	$(INSTALL) --no-deps $(addprefix --editable ./,$(PLUGINS))
	touch $@

$(VENV)/.build: $(VENV)/.base
	$(INSTALL) build hatchling
	touch $@
