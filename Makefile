# make train   set up, train the quickstart recipe (minutes on two CPU cores) and show what it did
# make test    set up and run the tests
# make check   ruff
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are processors: tests wait for programs that they start.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: train test check

train: $(READY)
	$(BIN)/python -m tfsr.train --gin configs/quickstart.gin

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[test]'
	touch $(READY)
