# Everything starts here. Each target first sets up the environments it needs, in this folder; that costs nothing the
# second time. Works with GNU make 3.81 and any POSIX sh.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run up down quick test test-all check conformance bridges mutants planted faults bench generate lock frontend clean

setup := @sh scripts/setup

help: ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the local AWS, deploy, onboard granja and stay up (ONCE=1: exit when it is live; PORT=n: the edge's port)
	$(setup) project emulator sam
	@.venv/bin/python -m local.run $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

up: ## start the local AWS in the background; .local/env says where it is
	$(setup) project emulator sam
	@.venv/bin/fluxion up

down: ## stop what `make up` started
	$(setup) project
	@.venv/bin/fluxion down

# In two processes: the tests with an embedded AWS mostly wait, and leave room for the others (tests/conftest.py).
# What each of the three proves and costs: tests/README.md.
quick: ## within a minute, for whoever is in the middle of something: no embedded AWS, no browser
	$(setup) project
	@.venv/bin/python -m pytest -n 2 -m "not slow and not long" tests/unit tests/mutation tests/faults $(ARGS)

test: ## all tests but the long ones (ARGS="-k name" for some, ARGS=-n0 one after the other)
	$(setup) project emulator sam
	@sh scripts/chromium >/dev/null
	@.venv/bin/python -m pytest -n 2 -m "not long" $(ARGS)

test-all: ## all tests, with samples as large as they get; then planted, mutants and faults as wholes
	$(setup) project emulator sam
	@sh scripts/chromium >/dev/null
	@STATE_MACHINE_RUNS=200 .venv/bin/python -m pytest -n 2 $(ARGS)
	@$(MAKE) planted mutants faults ARGS=

check: ## format, lint, types, imports, template and policy gates (ARGS="lint types" for some)
	$(setup) project sam gates
	@.venv/bin/python -m gates $(ARGS)

bench: ## measure; prints tables and writes bench/report.json (ARGS="gateway single" for some)
	$(setup) project emulator sam $$(command -v cc >/dev/null || echo compiler)
	@.venv/bin/python -m bench $(ARGS)

conformance: ## the cases of local_aws/tests/conformance in a real account, never run so far: PROFILE=name (ARGS="-k name" for some)
	$(setup) project
	@.venv/bin/python -m local_aws.tests.conformance $(if $(PROFILE),$(PROFILE),$(error name a profile of your AWS configuration: make conformance PROFILE=name)) $(ARGS)

bridges: ## what another MiniStack means for local_aws: VERSION=1.5.32 (ARGS=--fast: compare, run no case)
	$(setup) project emulator uv
	@PATH="$$PWD/.venvs/uv/bin:$$PATH" LOCAL_AWS_PYTHON=.venvs/emulator/bin/python .venv/bin/python -m local_aws.bridges $(if $(VERSION),$(VERSION),$(error name a version of MiniStack: make bridges VERSION=1.5.32)) $(ARGS)

mutants: ## mutations of what is deployed, here and on stock MiniStack; the table in docs/local-aws.md (ARGS='--only tag')
	$(setup) project emulator sam
	@.venv/bin/python -m tests.mutation.emulator $(ARGS)

planted: ## mutations of the product, each noticed by the test that it names (ARGS='--only lease' for some)
	$(setup) project
	@.venv/bin/python -m tests.mutation.product $(ARGS)

faults: ## a fault at every call, in one process; a table and .local/faults.json (CASE='id' replays one, ARGS="--seed 7")
	$(setup) project
	@.venv/bin/python -m tests.faults $(if $(CASE),--case '$(CASE)') $(ARGS)

generate: ## write what is made from other files: state machines in JSON, samples and schemas, docs/reference.md
	$(setup) project
	@.venv/bin/python -m generate

lock: ## pin the requirements anew (UPGRADE=1: newest versions)
	@UPGRADE="$(UPGRADE)" sh scripts/lock

frontend: ## build the pages into frontend/dist (ARGS=test: their unit tests; ARGS=dev: serve them with a mock)
	$(setup) project
	@sh scripts/frontend $(ARGS)

clean: ## stop the local AWS; remove environments, state and caches
	@if [ -x .venv/bin/fluxion ] && [ -d .local ]; then .venv/bin/fluxion down; fi
	@rm -rf frontend/dist frontend/node_modules frontend/.built
	@rm -rf .venv .venvs .local .aws-sam build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
