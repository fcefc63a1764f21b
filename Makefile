# Everything a person runs. Needs Python 3.11 or newer, make and the package registries; no root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup up test lint bench chaos docs lock clean
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## build .venv from the lock

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

up: setup ## run a live store; Ctrl-C stops it
	$(BIN)/smartshelf up

test: setup lint ## lint, types, import rules and all tests
	$(BIN)/python tests/install_browser.py
	$(BIN)/pytest -n logical --maxprocesses 4

lint: setup ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: setup ## measure; prints machine, method and figures
	$(BIN)/python -m benchmarks

chaos: setup ## new random examples of broken input; then kill processes for a long time and audit
	$(BIN)/pytest tests/property --hypothesis-profile=explore
	$(BIN)/pytest tests/integration -m chaos

docs: setup ## dbt docs site in dbt_project/target/index.html, and the generated reference pages
	$(BIN)/python -m smartshelf_dagster.contracts.generate
	$(BIN)/python -m smartshelf_dagster.lineage
	$(BIN)/python -m smartshelf_dagster.services.docs_page

lock: setup ## renew the lock after pyproject.toml changed
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock

clean: ## forget the lake and the environment
	rm -rf $(VENV) lake/*/ dbt_project/target
