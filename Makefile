# make sweep   install, then run the sweep of sweeps/semicon.yaml     (SWEEP=file for another)
# make test    install, then the whole test suite
# make check   lint, types and the fast tests
# make ui      browse what was logged

PYTHON ?= python3
SWEEP ?= sweeps/semicon.yaml
BIN := .venv/bin

# Tests on real images need them; without COFTAD_DATA they are left out by name, and pytest counts them as deselected.
WITHOUT_DATA := $(if $(COFTAD_DATA),,and not data)
# On all cores.
FAST_TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto -m "not slow $(WITHOUT_DATA)"

.PHONY: sweep test lint check ui format
.DEFAULT_GOAL := sweep

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev,cluster]"
	touch $@

sweep: .venv/installed
	$(BIN)/python -m tune_runner --sweep $(SWEEP)

test: .venv/installed
	$(FAST_TESTS)
	$(BIN)/python -m pytest -n 2 --dist loadscope --durations 10 -m "slow and not alone $(WITHOUT_DATA)"
	$(BIN)/python -m pytest -m "alone $(WITHOUT_DATA)"

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint
	$(FAST_TESTS)

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: .venv/installed
	@echo "http://127.0.0.1:5000/?workflowType=machine_learning"
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/python -m mlflow ui --backend-store-uri sqlite:///mlflow.db
