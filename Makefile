# Thin: each target calls a script in tests/tools/, which says what it does.
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
# As in tests/tools/lib.sh
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
T := tests/tools
# PACKAGES=given: the system's packages are there already, don't look
PACKAGES ?=
# The ansible-core that `make sanity` and `make units` run with, for example CORE=2.17; empty: the one in .venv
CORE ?=
# The one seed that `make stress` runs, and tells step by step; empty: 10,000
SEED ?=
# The planted bugs that `make mutants` runs; empty: all
MUTANT ?=
# The cells of the fault matrix that `make faults` runs; empty: all
CELL ?=
# The key of gpg that `make release` signs with
KEY ?=
# The benchmarks that `make bench` runs; empty: all
BENCH ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-run demo test check format units core sanity system long stress faults mutants bench build release docs lock hooks clean distclean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Set up, make a machine, run a container on it over TLS, remove it (KEEP=1 leaves it)
	@$(T)/demo

test: setup ## Set up and run checks, other Ansible versions, a few planted bugs, system tests by a budget: half an hour at most
	@$(T)/test

check: setup ## Format, lint, types, docs, sanity and unit tests but the slow ones
	@$(BIN)/python $(T)/check.py --quick

format: setup ## Format all files and fix what the linter can fix
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

units: setup ## Unit tests alone (CORE=2.17 and the like: with that ansible-core)
	@$(T)/units $(CORE)

core: ## Sanity and unit tests alone, in a virtualenv of that ansible-core (CORE=2.17)
	@$(T)/core $(CORE)

sanity: setup ## ansible-test sanity alone (CORE=2.21 and the like: with that ansible-core)
	@$(T)/sanity $(CORE)

system: setup ## All system tests but the long ones: machines, container hosts, faults
	@$(T)/system

long: setup ## The long system tests, which make test never runs
	@$(T)/system --long

stress: setup ## Controllers at once, 10,000 seeds, up to 10 minutes (SEED=123: that one, step by step)
	@$(T)/stress $(if $(SEED),--seed $(SEED))

mutants: setup ## Planted bugs, each of which a test must notice (MUTANT=...: that one)
	@$(T)/mutants $(MUTANT)

faults: setup ## The whole fault matrix, up to 40 minutes (CELL=...: that cell alone)
	@$(T)/faults $(CELL)

bench: setup ## Measure, and print each goal's ratio (BENCH=inventory: that one)
	@$(T)/bench $(BENCH)

build: setup-run ## Build the collection and install it into .build/installed
	@python3 $(T)/artifact.py

release: setup-run ## Build and sign the artifact of the tagged commit (KEY=...: the key of gpg)
	@$(T)/release "$(KEY)"

docs: setup ## Write what is generated in the docs: the table of drivers
	@$(BIN)/python $(T)/drivers_table.py --write

setup: setup-run .venv/.installed-requirements ## Install what checks and tests need

setup-run: .venv/.installed-requirements-run .build/src/ansible_collections/dockyard/machine
	@$(if $(PACKAGES),,$(T)/packages $(if $(filter setup-run demo build,$(MAKECMDGOALS)),run,test))

.venv/.installed-requirements-run: tests/requirements-run.lock
	@$(if $(PACKAGES),,$(T)/packages run)
	@$(T)/venv .venv tests/requirements-run.txt

.venv/.installed-requirements: tests/requirements.lock .venv/.installed-requirements-run
	@$(T)/venv .venv tests/requirements.txt

# The checkout as dockyard.machine, for whatever imports it from there
.build/src/ansible_collections/dockyard/machine:
	@mkdir -p $(@D) && ln -sfn ../../../.. $@

lock: ## Write the lock files of tests/, with hashes, after a change of the requirements
	@$(T)/lock

hooks: setup ## Check before each commit (pre-commit, from PyPI)
	@$(BIN)/pip install --quiet pre-commit && $(BIN)/pre-commit install

clean: ## Remove what was built, not the virtualenv
	@$(T)/clean

distclean: clean ## Remove the virtualenv, too
	@rm -rf .venv
