.DEFAULT_GOAL := help
.PHONY: help setup demo run test node lint bench golden lock clean

RECENT := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(firstword $(foreach python,python3.13 python3.12 python3.11 python3,\
	$(shell $(python) -c '$(RECENT)' 2>/dev/null && echo $(python))))

UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
READY := .venv/.ready
ifdef UV
VENV = uv venv --quiet --allow-existing --python $(PYTHON) .venv
INSTALL = uv pip install --quiet --python $(BIN)/python
else
VENV = $(PYTHON) -m venv .venv
INSTALL = $(BIN)/python -m pip install --quiet
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## install dateline and its tools, as pinned, into .venv

demo: $(READY) ## tell what was known of one story, day by day
	@$(BIN)/dateline demo

run: $(READY) ## show what the command line offers
	@$(BIN)/dateline --help

test: $(READY) ## run the tests; ARGS="-k denial" narrows them
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

node: ## install the npm clients and linters that some tests need (needs npm)
	npm install --prefix tests/api/node --no-package-lock --no-audit --no-fund

lint: $(READY) ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY) ## measure
	$(BIN)/python -m benchmarks $(ARGS)

golden: $(READY) ## rewrite the golden files from the code
	$(BIN)/python tests/golden/rewrite.py
	$(BIN)/dateline schema > schema.graphql

lock: ## pin every dependency anew in constraints.txt (needs uv)
	$(or $(UV),$(error make lock needs uv on PATH)) pip compile --quiet --universal \
		--python-version 3.11 --upgrade --extra dev --generate-hashes \
		--no-header --no-emit-index-url --no-emit-find-links \
		pyproject.toml --output-file constraints.txt

clean: ## remove .venv and whatever was built or cached
	rm -rf .venv build dist *.egg-info .coverage .*_cache .hypothesis .schemathesis
	rm -rf tests/api/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(RECENT)' 2>/dev/null || { echo \
		"dateline needs Python 3.11 or newer; found none (make PYTHON=/path/to/python)" >&2; exit 1; }
	$(VENV)
	$(INSTALL) --require-hashes -r constraints.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@
