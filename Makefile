# What one does here. The first call makes a virtual environment and fetches Kafka and MongoDB; later ones find them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
RUNTIME := .venv/.runtime
VENV := .venv/.installed
# Most tests wait more than they compute, so there are more processes than cores; each has its own Kafka and MongoDB.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder

.PHONY: help
help: ## this list
	@echo 'make …'
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)$$/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done

# ---- use it ---------------------------------------------------------------------------------------------------------

.PHONY: run demo status doctor
run: $(RUNTIME) ## everything on this machine, until Ctrl-C; prints addresses and lines to paste
	@exec $(BIN)/python -m local run

demo: $(RUNTIME) ## the same, then 300 facilities send packs for 20 s and every one must have been counted
	@exec $(BIN)/python -m local demo

status: $(RUNTIME) ## what runs, where, and where its logs are
	@$(BIN)/python -m local status || true

doctor: $(RUNTIME) ## what this machine has and lacks, and what to install
	@$(BIN)/python -m local doctor

# ---- change it ------------------------------------------------------------------------------------------------------

.PHONY: check format test test-unit test-fast coverage requirements
check: $(VENV) ## formatting, lint, types, imports between packages, settings table
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for stage in study/stages/*/; do $(BIN)/mypy $$stage*.py; done
	@$(BIN)/ruff check --quiet --target-version py310 study/generator.py study/plan.py study/answers.py
	@$(BIN)/lint-imports
	@diff -B <(sed -n '/^<!-- settings: /,/^<!-- settings end/{/^<!--/d;p}' README.md) <($(BIN)/python -m admin settings --markdown) \
		|| { echo 'README.md: the settings table differs from the models'; exit 1; }
	@echo 'settings table: as the models'
	@$(BIN)/python -m bench report --check && $(BIN)/python -m bench.sizing --check
	@$(BIN)/python -m study.bench report --check
	@echo 'docs/performance.md, docs/sizing.md, study: as their results'

format: $(VENV) ## put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

test: $(VENV) prepare ## all tests: unit, integration, contract, fault
	@$(PYTEST)

test-unit: $(VENV) ## the tests that need no server
	@$(PYTEST) tests/unit

test-fast: $(VENV) prepare ## everything but the fault tests
	@$(PYTEST) -m 'not fault'

coverage: $(VENV) prepare ## all tests, with the coverage they must reach
	@$(PYTEST) --cov --cov-fail-under=90

requirements: ## pin anew what pyproject.toml declares (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/runtime.txt
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate pyproject.toml --group dev --group study -o requirements/dev.txt
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group bench -o requirements/bench.txt
	@uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --group study -o requirements/study.txt

# ---- measure it -----------------------------------------------------------------------------------------------------

# What packstats is measured beside lives apart from it, so that neither decides which versions the other has.
BENCH := .venv-bench/.installed
BENCH_OPTIONS = $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS))

.PHONY: bench bench-compare bench-report
bench: $(RUNTIME) $(BENCH) prepare ## packstats beside nginx and others, 5 rounds; QUICK=1 in minutes; ONLY=NAME,… ROUNDS= OUT=
	@$(BIN)/python -m bench run $(BENCH_OPTIONS) $(if $(OUT),--out $(OUT)) $(if $(GO_ON),--go-on)

bench-compare: $(RUNTIME) $(BENCH) prepare ## another commit of packstats and this tree in turn: BASE=<commit>; QUICK=1 ONLY= ROUNDS=
	@$(if $(BASE),,echo 'name the commit: make bench-compare BASE=<commit>'; exit 2;) \
		$(BIN)/python -m bench compare --base $(BASE) $(BENCH_OPTIONS)

bench-report: $(RUNTIME) ## docs/performance.md with its plots, and docs/sizing.md, from the newest of bench/results/
	@$(BIN)/python -m bench report
	@$(BIN)/python -m bench.sizing

.PHONY: availability
availability: $(VENV) prepare ## packs without Kafka, without MongoDB, without both; AVAILABILITY_SECONDS= of each (60)
	@$(BIN)/python -m tests.availability --seconds $(or $(AVAILABILITY_SECONDS),60)

# ---- study how such a system scales ---------------------------------------------------------------------------------

.PHONY: study study-report
study: $(VENV) prepare ## all stages of the study, verified and measured: SIZE=S|M|L (S); STAGES=01,02,… OUT=
	@$(BIN)/python -m study.bench run --size $(or $(SIZE),S) $(if $(STAGES),--stages $(STAGES)) $(if $(OUT),--out $(OUT))

study-report: $(VENV) ## the tables and plots of the study, from study/results/
	@$(BIN)/python -m study.bench report

NODE_MODULES := study/frontend/node_modules/.installed

.PHONY: study-pages study-pages-test
study-pages: $(NODE_MODULES) ## the study's pages at http://127.0.0.1:5173, until Ctrl-C
	@cd study/frontend && exec npm run --silent dev

study-pages-test: $(NODE_MODULES) $(VENV) prepare ## their types, lint and tests, also in a browser; SCREENSHOTS=FOLDER keeps pictures
	@cd study/frontend && npm run --silent check && npm test --silent
	@cd study/frontend && SCREENSHOTS='$(abspath $(SCREENSHOTS))' npm run --silent test:e2e

$(NODE_MODULES): study/frontend/package-lock.json
	@command -v npm >/dev/null || { echo 'the pages need Node, 20.19 or 22.12 or later, with npm'; exit 1; }
	@cd study/frontend && npm ci --no-progress --loglevel=error
	@touch $@

# ---- prove it -------------------------------------------------------------------------------------------------------

# Make's own names, not the shell's SECONDS, which counts.
PROVE = --seconds $(or $(SECONDS),300) --topology $(or $(TOPOLOGY),single) $(if $(SEED),--seed $(SEED))

.PHONY: prove prove-faults
prove: $(VENV) prepare ## exactly once: 20,000 simulated histories, all crash points, then faults for SECONDS= (300)
	@$(BIN)/python -m tests.simulation --seeds 20000
	@CRASH_POINTS=all $(PYTEST) tests/fault/test_crash_points.py
	@$(MAKE) prove-faults

prove-faults: $(VENV) prepare ## the faults alone; SECONDS= SEED= TOPOLOGY=single|cluster; writes a certificate
	@$(BIN)/python -m tests.prove $(PROVE)

# ---- prepare --------------------------------------------------------------------------------------------------------

.PHONY: prepare clean
prepare: $(RUNTIME) ## fetch Kafka and MongoDB, if they are not here yet
	@$(BIN)/python -m local prepare

# The lists are complete and pinned by hash, so there is nothing to resolve; Python compiles what it imports.
define install
	@echo 'virtual environment: $(BIN:/bin=), from $(1)'
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps --no-compile -r $(1) \
		| awk -v total="$$(grep -c == $(1))" \
			'/^Collecting|already satisfied/ {printf "\r  %d of %d packages", ++n, total; fflush()} END {print ""}'
	@touch $@
endef

# To run it takes half the packages that it takes to change it.
$(RUNTIME): requirements/runtime.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, this is " \
		+ sys.version.split()[0] + "; name another: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv
	$(call install,requirements/runtime.txt)

$(VENV): requirements/dev.txt $(RUNTIME)
	$(call install,requirements/dev.txt)

$(BENCH): BIN := .venv-bench/bin
$(BENCH): requirements/bench.txt
	@$(PYTHON) -m venv .venv-bench
	$(call install,requirements/bench.txt)

clean: ## remove what make made: virtual environment, fetched programs, the local stack's data
	rm -rf .venv .venv-bench study/frontend/node_modules .cache .local .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*
