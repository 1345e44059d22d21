# `make run` and `make test` are all that is needed: they make .venv, install what is locked, and go.
.PHONY: run test ui lint clean install
.DEFAULT_GOAL := run

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# made anew when the lock or the project's own description changes
STAMP := $(VENV)/.installed

run: $(STAMP)
	@$(BIN)/hopchain demo

test: $(STAMP)
	$(BIN)/python -m pytest

ui: $(STAMP)
	@$(BIN)/hopchain ui

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' || { \
	  echo "hopchain needs Python 3.11 or 3.12, and '$(PYTHON)' is not: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@test -x $(BIN)/python || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip --version >/dev/null; } || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make a virtual environment: apt-get install python3-venv, then make again" >&2; \
	  exit 1; }
	@echo "Installing what requirements.lock names into $(VENV) (once; a minute or so)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# the data folder is the user's: it stays
clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
