# Each target sets up what it needs, by itself, in .venv: on a fresh machine `make book` or `make test` is enough.
# PYTHON=python3.12 chooses an interpreter; otherwise the first of python3, 3.13, 3.12, 3.11 that fits.

PYTHON ?=
BIN := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env book test lint notebooks colab bench lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 11

env: .venv/.complete  ## the environment alone: .venv, from requirements.txt

.venv/.complete: requirements.txt pyproject.toml
	@fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; found=; \
	for python in $(PYTHON) $(if $(PYTHON),,python3 python3.13 python3.12 python3.11); do \
	    if $$python -c "$$fits" 2>/dev/null; then found=$$python; break; fi; done; \
	if command -v uv >/dev/null; then \
	    uv venv --quiet --clear --no-project --python "$${found:-$(or $(PYTHON),>=3.11,<3.14)}" .venv; \
	    uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.txt; \
	    uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	elif [ -n "$$found" ]; then \
	    $$found -m venv --clear .venv; \
	    $(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements.txt; \
	    $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	else \
	    echo "make: needs Python 3.11, 3.12 or 3.13 (found none$(if $(PYTHON), at $(PYTHON),)); install one, or uv" >&2; exit 2; \
	fi
	@touch $@

book: .venv/.complete  ## the site, every warning an error, into _build/html
	rm -rf _build/html  # or pages that no longer exist would stay
	$(BIN)/jupyter-book build . --all -W --keep-going
	@test -s _build/html/index.html
	@echo "The book is at $(CURDIR)/_build/html/index.html"

test: .venv/.complete  ## everything; the pages too, in a browser, once the book is built
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: .venv/.complete  ## style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

notebooks: .venv/.complete  ## each chapter's notebook anew, beside its source
	$(BIN)/python book/_ext/notebooks.py

colab: .venv/.complete  ## run the notebooks in Colab's versions, in .venv-colab; needs Python 3.13
	$(BIN)/python book/_ext/run_notebooks.py

bench: .venv/.complete  ## measure again and rewrite the tables in benchmarks/
	$(BIN)/python benchmarks/wl.py
	$(BIN)/python benchmarks/animate.py
	$(BIN)/python benchmarks/nve.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/labels.py
	$(BIN)/python benchmarks/workers.py
	$(BIN)/python benchmarks/schnet.py  # makes an environment with torch and schnetpack in _build/peers
	$(BIN)/python benchmarks/ace.py  # the same with mace-torch
	$(BIN)/python benchmarks/scale.py  # and with NequIP and GRACE

lock: .venv/.complete  ## requirements.txt anew from pyproject.toml: one hashed file for Python 3.11 to 3.13
	$(BIN)/python -m pip --version >/dev/null 2>&1 || uv pip install --quiet --python $(BIN)/python pip
	$(BIN)/python -m pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --extra anim --extra data --extra book --extra dev \
	    pyproject.toml --output-file requirements.txt

clean:  ## all that was made: site, caches, environment
	rm -rf _build .jupyter_cache .pytest_cache .hypothesis .ruff_cache .venv .venv-colab
