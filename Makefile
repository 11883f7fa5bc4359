# Everything from nothing: `make demo` and `make test` need Python >= 3.11, pip and make.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2

# Compiling dominates the tests: they do with little optimisation, and keep what is compiled.
# Code as XLA emits it without MLIR, and in one piece, is made in a quarter of the time.
TEST_ENV := JAX_DISABLE_MOST_OPTIMIZATIONS=1 \
	XLA_FLAGS="--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1" \
	JAX_COMPILATION_CACHE_DIR=$(CURDIR)/.cache/jax JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
	JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1

.PHONY: demo test test-fast kill-test fuzz disk-test studies bench docs lint style format install lock clean help

help:
	@echo "make demo       simulate showers, fit a generator to them, generate, judge: some minutes"
	@echo "make test       install, lint, check types, run all tests"
	@echo "make test-fast  the tests without the slow ones"
	@echo "make kill-test  kill fits and other commands at random moments: nothing may be lost"
	@echo "make fuzz       bad input by the thousand, in files, runs and words: TRIALS=3000 SEED=1"
	@echo "make disk-test  every command on full and read-only disks; as root, on Linux"
	@echo "make studies    carry out every study, quick: published results must come out again"
	@echo "make bench      measure speed beside peers; BENCH=streaming ROUNDS=1 for less"
	@echo "make docs       build the documentation in build/site"
	@echo "make format     format the code"

demo: $(READY)
	@$(BIN)/ansatz study calo-qvae --quick --out runs/demo --force
	@echo
	@echo "runs/demo has it all: report.html with generated showers beside simulated ones, a page"
	@echo "with every histogram in evaluation/, showers in generated.h5, and the fit in fit/, which"
	@echo "'ansatz report runs/demo/fit' shows."

# Types are checked while the tests begin.
test: style
	@$(BIN)/mypy & types=$$!; \
	$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal; passed=$$?; \
	wait $$types && exit $$passed

test-fast: $(READY)
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow"

kill-test: $(READY)
	@$(BIN)/python tests/soak/kill.py
	@$(BIN)/python tests/soak/kill_commands.py

fuzz: $(READY)
	@$(BIN)/python tests/soak/fuzz.py --trials $(or $(TRIALS),3000) --seed $(or $(SEED),1)

disk-test: $(READY)
	@$(BIN)/python tests/soak/read_only.py
	@$(BIN)/python tests/soak/full_disk.py

studies: $(READY)
	@names=$$($(BIN)/python -c "import ansatz.studies as s; print(*s.study_names())") || exit; \
	failed=0; for name in $$names; do \
		$(BIN)/ansatz study $$name --quick --out runs/studies/$$name --force || failed=1; \
	done; exit $$failed

bench: $(READY)
	@$(BIN)/python -m benchmarks $(BENCH) $(if $(ROUNDS),--rounds $(ROUNDS))

docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "The pages are in build/site; begin with build/site/index.html."

lint: style
	@$(BIN)/mypy

style: $(READY)
	@$(BIN)/ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/ruff check --quiet .

format: $(READY)
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

install: $(READY)

# The environment is made again only when what it is made from has changed.
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or later is needed; say which with make PYTHON=python3.12"; exit 1; }
	@echo "Installing into $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $(READY)

# The pins, as plain names and versions, of an environment that was solved afresh.
lock:
	@rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock
	@.cache/lock/bin/python -m pip install --quiet --disable-pip-version-check hatchling editables ".[dev,docs]"
	@.cache/lock/bin/python -m pip list --format freeze --disable-pip-version-check \
		--exclude pip --exclude setuptools --exclude ansatz-learn > requirements.lock
	@rm -rf .cache/lock

clean:
	rm -rf $(VENV) .cache
