# Each target sets up what it needs; a second call does not set up again.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The data beside the checkout where they are there, else data/ in it.
export DATA_DIR ?= $(if $(wildcard ../shared/data/MNIST),../shared/data,data)
# Two test processes of one thread each beat one of two.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help setup demo test test-all lint bench lock clean
help:  ## what there is
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/.ready  ## .venv from the lock
# uv takes a third of pip's time; pip where the index is known to its own settings alone.
$(VENV)/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet "$$(grep ^uv== requirements.txt)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.txt || \
	  $(PIP) install --quiet -r requirements.txt
	@touch $@

demo: setup  ## train and compare the four models, about 15 minutes
	$(BIN)/python benchmark.py models --quick --models cgan cvae vaegan wgan

bench: setup  ## the full comparison, hours (benchmark.py models --dry-run says how many)
	$(BIN)/python benchmark.py models

test: setup  ## all tests but the slow ones
	$(TEST) -m "not slow" tests

test-all: setup lint  ## lint, types and all tests
	$(TEST) tests

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock: setup  ## requirements.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header -q -o requirements.txt

clean:  ## .venv, caches, training runs, demo and drawings; not the data
	rm -rf $(VENV) results/runs results/demo results/drawings .pytest_cache .mypy_cache .ruff_cache
