# make train   set up, train the quickstart recipe (minutes on two CPU cores) and show what it did
# make test    set up and run the tests
# make test-other-sums   those that compute most, with oneDNN on where it is off, or the reverse
# make check   ruff
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than there are processors: tests wait for programs that they start.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# What is tested; empty: all.
TESTS =
OTHER_SETTING = from tfsr.training import distribution; print(int(not distribution.one_dnn_is_on()))

.PHONY: train test test-other-sums check

train: $(READY)
	$(BIN)/python -m tfsr.train --gin configs/quickstart.gin

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

test-other-sums: $(READY)
	setting=$$(TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -c '$(OTHER_SETTING)') && \
	TF_ENABLE_ONEDNN_OPTS=$$setting $(MAKE) test TESTS='tests/layers tests/networks tests/signal tests/upsamplers'

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[test]'
	touch $(READY)
