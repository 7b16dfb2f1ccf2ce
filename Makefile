# Two commands set everything up: `make demo` and `make test`. Both use the same environment, .venv.
PYTHON ?= python3
BIN := .venv/bin

# Test files go to as many processes as there are cores, each with one thread.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# What tests compare with, installed without what it requires: semilearn's trackers, networks and audio packages are many, and
# the tests import none of them.
ALONE := semilearn==0.3.2

.PHONY: demo test slow lint clean

demo: .venv/installed
	$(BIN)/ssmtl run recipes/multimix.yaml

test: .venv/installed
	$(PYTEST) -m "not slow"

slow: .venv/installed
	$(PYTEST) -m slow

lint: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf .venv build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[test,dev]"
	$(BIN)/python -m pip install --quiet --no-deps $(ALONE)
	touch $@
