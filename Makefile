# Everything a person or a machine does with a checkout. `make help` lists it.
# GNU make 3.81 or later (macOS has that one) and a POSIX shell; needs Python 3.11 or newer and nothing else.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PY := .venv/bin/python
# The bar on a terminal, silence elsewhere: a log gains nothing from sixty lines of "Collecting".
PIP = $(PY) -m pip --disable-pip-version-check --no-input install $$([ -t 1 ] || echo --quiet)

# Switches, all for the command line: make test WORKERS=1 COVERAGE=off PYTEST_ARGS='-k refresh'
PYTHON ?=
ARGS ?=
WORKERS ?= logical
PYTEST_ARGS ?=
FUZZ_EXAMPLES ?= 20000
FUZZ_SECONDS ?= 1800
FUZZ_TARGETS ?=
COVERAGE ?= on
# Where every branch must be covered.
FULLY_COVERED ?= resource_servers authserver/signin authserver/tokens authserver/oauth/grants

# The tests that cover them, which is enough: watched, a test takes three times as long.
WATCHED_JOURNEYS = account code cognito_profile consent custom_challenges cli_user_care duties forged_tokens guessing \
	operations passkeys passwordless races recovery recovery_links refresh risk scopes_and_resources second_factors \
	sign_in sign_in_attacks sign_up temporary_password trigger_journeys federated_edges federated_sign_in federation_attacks linked_logins \
	saml_applications saml_sign_in upstream_sign_out
WATCHED = tests/resource_servers tests/unit/test_factor_*.py tests/unit/test_oauth_errors.py tests/unit/test_signin_*.py \
	tests/unit/test_tokens_*.py $(WATCHED_JOURNEYS:%=tests/journeys/test_%.py)

export PYTHON

say = @printf '\n==> %s\n'

.PHONY: help run install test-tools test check format lint types imports spelling locks tests tests-parallel \
	tests-serial coverage bench nightly fuzz lock lock-upgrade clean FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# ---------------------------------------------------------------------------------------------------- set-up
# Stamps lie inside .venv, so that they go with it. Each step repeats only when the file it reads has changed.

ifneq ($(shell sh requirements/venv.sh check),sound)
.venv/.made-in: FORCE
endif
.venv/.made-in:
	@sh requirements/venv.sh

.venv/.server: requirements/server.txt .venv/.made-in
	$(say) "server: requirements/server.txt, every file checked against its hash"
	@$(PIP) --require-hashes -r requirements/server.txt
	@touch $@

# The build back end is pinned in requirements/server.txt, so building ourselves asks no index for anything.
.venv/.project: pyproject.toml .venv/.server
	$(say) "poolgate itself, editable"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.project
	$(say) "test tools: requirements/dev.txt, every file checked against its hash"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

# Only `make fuzz` asks for it: it is large, and there are wheels for few machines. Elsewhere this installs nothing.
.venv/.fuzz: requirements/fuzz.txt .venv/.dev
	$(say) "fuzzer: requirements/fuzz.txt, every file checked against its hash"
	@$(PIP) --require-hashes -r requirements/fuzz.txt
	@touch $@

install: .venv/.project  ## .venv with the server, from the hash-locked requirements
	@echo "poolgate is installed: .venv/bin/poolgate (make run starts the demo)"

run: .venv/.project  ## install, then the demo: server, app, API, mailbox (make run ARGS='--port 9000')
	@exec .venv/bin/poolgate dev $(ARGS)

# Whether a tool is missing is asked each time: it takes a blink, and people uninstall browsers.
test-tools: .venv/.dev
	@$(PY) tests/tools.py install

# ---------------------------------------------------------------------------------------------------- checks

check: .venv/.dev format lint types imports spelling locks  ## the fast part: formatter, linters, types, imports, spelling, locks

format: .venv/.dev
	$(say) "format: ruff format"
	@.venv/bin/ruff format --check .

lint: .venv/.dev
	$(say) "lint: ruff check"
	@.venv/bin/ruff check .

types: .venv/.dev
	$(say) "types: mypy --strict"
	@.venv/bin/mypy

imports: .venv/.dev
	$(say) "imports point one way: import-linter"
	@.venv/bin/lint-imports --no-logo

spelling: .venv/.dev
	$(say) "spelling: codespell"
	@.venv/bin/codespell

locks: .venv/.dev
	$(say) "locks: requirements and package-lock.json match what asks for them"
	@$(PY) -m pytest -q -p no:cacheprovider tests/test_locks.py

# ---------------------------------------------------------------------------------------------------- tests

# A test that hangs shows where and ends the run, rather than the patience of whoever waits.
PYTEST = -m pytest -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true $(PYTEST_ARGS)
RECORDED = $(PY) $(if $(filter on,$(COVERAGE)),-m coverage run) $(PYTEST) -p tests.recording
SIDE_BY_SIDE = -n $(WORKERS) --maxprocesses 8 --max-worker-restart 0 --dist loadgroup
# 5: no test was selected.
NONE_IS_FINE = || [ $$? -eq 5 ]

test: test-tools check tests coverage  ## everything: checks, tests, coverage; installs the test tools

tests: tests-parallel tests-serial

tests-parallel: .venv/.dev
	$(say) "tests: side by side"
	@rm -f .coverage .coverage.*
	@$(RECORDED) -m 'not nightly and not serial' $(SIDE_BY_SIDE) $(WATCHED) $(NONE_IS_FINE)
	@$(PY) $(PYTEST) -m 'not nightly and not serial' $(SIDE_BY_SIDE) $(WATCHED:%=--ignore-glob='%') $(NONE_IS_FINE)

# Not recorded: these measure time, and recording takes some.
tests-serial: .venv/.dev
	$(say) "tests: one at a time (timing, whole machine)"
	@$(PY) $(PYTEST) -m 'serial and not nightly' $(NONE_IS_FINE)

ifeq ($(COVERAGE),on)
coverage: .venv/.dev
	$(say) "coverage"
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report --skip-covered --skip-empty
	$(say) "coverage: every branch of $(FULLY_COVERED)"
	@$(PY) -m coverage report --show-missing --skip-covered --fail-under=100 \
		--include="$$(printf '%s/*,' $(FULLY_COVERED))"
else
coverage:
	$(say) "coverage: off"
endif

nightly: test-tools  ## tests that take longer than make test may
	$(say) "tests: nightly"
	@$(PY) -m pytest $(PYTEST_ARGS) -m nightly $(NONE_IS_FINE)

fuzz: .venv/.fuzz  ## property tests with many more examples (FUZZ_EXAMPLES=20000), fuzz targets (FUZZ_SECONDS=1800 each)
	$(say) "property tests: up to $(FUZZ_EXAMPLES) examples each"
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PY) -m pytest $(PYTEST_ARGS) -p tests.fuzz_profile \
		--hypothesis-profile=fuzz -m hypothesis $(SIDE_BY_SIDE)
	$(say) "fuzz targets: $(FUZZ_SECONDS) s each"
	@$(PY) -m tests.fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Without PostgreSQL its cases are left out; without wrk run.py says so and stops.
bench: .venv/.dev  ## measure against floors and a peer; results in bench/results (make bench ARGS='--quick')
	@$(PY) tests/tools.py install --bench || :
	@$(PY) bench/run.py $(ARGS)

# ---------------------------------------------------------------------------------------------------- upkeep

COMPILE = .venv/bin/uv pip compile --universal --python-version 3.11.0 --generate-hashes --no-emit-index-url \
	--no-header --quiet $(if $(filter lock-upgrade,$(MAKECMDGOALS)),--upgrade) pyproject.toml

lock: .venv/.dev  ## compile the requirements and package-lock.json anew; pins stay where they can
	@$(PIP) --require-hashes -r requirements/uv.txt
	$(say) "locks: requirements/server.txt, requirements/dev.txt, requirements/fuzz.txt"
	@$(COMPILE) --extra server --extra postgres --extra geo --extra bcrypt --extra ldap --extra build --output-file requirements/server.txt
	@$(COMPILE) --extra server --extra postgres --extra geo --extra bcrypt --extra ldap --extra build --extra dev --constraint requirements/server.txt \
		--output-file requirements/dev.txt
	@$(COMPILE) --extra fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt
	$(say) "locks: tests/interop/package-lock.json"
	@$(PY) tests/tools.py npm-lock

lock-upgrade: lock  ## the same, and pins move to the newest release

clean:  ## remove what make and the tests made, but no data (./var stays)
	rm -rf .venv tests/fuzz/out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* dist \
		bench/out bench/.packages bench/peer/node_modules tests/pictures tests/interop/node_modules
	find authserver federation resource_servers tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
