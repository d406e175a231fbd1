# make train   set up, train the quickstart recipe (minutes on two CPU cores) and show what it did
# make test    set up and run the tests, but for long ones
# make test-long   these: what one test shows of all systems, shown of each, or of many more cases
# make test-all   both
# make test-elsewhere   those that compute most, with oneDNN on where it is off, or the reverse; on
#                       Python 3.13 with the newest TensorFlow, where there is this Python
# make test-light   what there is without TensorFlow
# make set-up-others   set up what test-elsewhere and test-light run in
# make check   ruff and mypy
# make docs    set up mkdocs and build the documentation as a site, in build/site
# make serve-docs   the same site at http://127.0.0.1:8000, built again whenever a page is saved

# Python compiles a package once, not in every process that imports it.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Beside TensorFlow 2.17, on Python 3.11, there is tensorflow-io.
EXTRAS = $(shell $(PYTHON) -c 'import sys; print("test,beam" + ",io" * (sys.version_info < (3, 12)))')
# One more than there are processors: tests wait for programs that they start.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# mkdocs and its plugins, which read the sources: tfsr is not installed there.
DOCS_BIN := .venv-docs/bin
DOCS_EXTRA := import configparser as c; f = c.ConfigParser(); f.read("setup.cfg"); \
	print(f["options.extras_require"]["docs"])
MKDOCS = NO_MKDOCS_2_WARNING=1 $(DOCS_BIN)/mkdocs

# What is tested; empty: all.
TESTS =
MARKED = not long
# All files whose tests may be long: they say so, or are about each `system`.
LONG_TESTS = $(shell grep -rlw -e long -e system --include='*_test.py' tests)
ELSEWHERE_TESTS = tests/layers tests/signal tests/networks tests/upsamplers tests/inference \
	tests/export/tflite_test.py tests/export/artifact_test.py tests/upsample_test.py
OTHER_SETTING = from tfsr.training import distribution; print(int(not distribution.one_dnn_is_on()))

# Python 3.13, of the system or of pyenv; empty: there is none.
PYENV := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.13.*/bin/python3
MODERN := $(firstword $(foreach python,python3.13 $(wildcard $(PYENV)),\
	$(shell $(python) -c 'import sys; print(sys.executable)' 2>/dev/null)))
LIGHT_TESTS = tests/light_test.py tests/api_test.py tests/imports_test.py tests/names_test.py \
	tests/atomic_files_test.py tests/seal_test.py tests/optional_imports_test.py tests/audio_file \
	tests/convert/checkpoint_test.py tests/convert/hostile_test.py \
	tests/inference/samples_test.py tests/inference/preset_selection_test.py tests/telephony \
	tests/inference/concealment_test.py tests/lite/app_metadata_test.py
IN_MODERN = VENV=.venv-modern PYTHON=$(MODERN) EXTRAS=train,test-light
IN_LIGHT = VENV=.venv-light EXTRAS=test-light,metadata

.PHONY: train test test-long test-all test-elsewhere test-light
.PHONY: set-up set-up-others check docs serve-docs

train: $(READY)
	$(BIN)/python -m tfsr.train --gin configs/quickstart.gin

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10 -m '$(MARKED)' $(TESTS)

test-long:
	$(MAKE) test MARKED=long TESTS='$(LONG_TESTS)'

test-all:
	$(MAKE) test MARKED=

test-elsewhere: $(READY)
	setting=$$(TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -c '$(OTHER_SETTING)') && \
	TF_ENABLE_ONEDNN_OPTS=$$setting $(MAKE) test $(if $(MODERN),$(IN_MODERN)) \
		TESTS='$(ELSEWHERE_TESTS)'

test-light:
	$(MAKE) test $(IN_LIGHT) TESTS='$(LIGHT_TESTS)'

set-up: $(READY)

set-up-others:
	$(if $(MODERN),$(MAKE) set-up $(IN_MODERN))
	$(MAKE) set-up $(IN_LIGHT)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tfsr

$(READY): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[$(EXTRAS)]'
	touch $(READY)

docs: $(DOCS_BIN)/.ready
	$(MKDOCS) build --strict --quiet

serve-docs: $(DOCS_BIN)/.ready
	$(MKDOCS) serve --strict

$(DOCS_BIN)/.ready: setup.cfg
	$(PYTHON) -m venv .venv-docs
	$(PYTHON) -c '$(DOCS_EXTRA)' | xargs $(DOCS_BIN)/pip install --quiet --no-compile
	touch $@
