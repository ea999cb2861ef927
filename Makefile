# Everything a person does with this folder. `make run` needs nothing but Python 3.11 or later.
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --quiet --disable-pip-version-check
IMAGE ?= optix-gateway
# By file, because what a file starts (servers, an image) is then started once.
PYTEST ?= --quiet --numprocesses=auto --dist=loadfile
# Whatever builds images here; all of them take the same arguments.
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(if $(shell command -v $(engine)),$(engine))))

# An environment whose Python went away (upgraded, removed, folder copied from elsewhere) is made anew.
ifneq ($(wildcard $(PY) $(VENV)/.run $(VENV)/.dev),)
STALE := $(shell $(PY) -c 0 2>/dev/null || rm -rf $(VENV))
endif

.PHONY: help run test unit lint format docs bench soak month lock receivers image clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

run: $(VENV)/.run ## install what is missing, then show the whole journey of an alert (Ctrl-C ends it)
	@exec $(VENV)/bin/optix-gateway demo

test: $(VENV)/.dev ## every test
	@$(PY) -m pytest $(PYTEST)

unit: $(VENV)/.dev ## the tests that take no more than seconds
	@$(PY) -m pytest $(PYTEST) -m "not slow"

lint: $(VENV)/.dev ## formatting, lint, types, walls between rooms, Dockerfile
	@$(VENV)/bin/ruff format --check --quiet
	@$(VENV)/bin/ruff check --quiet
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/hadolint Dockerfile

format: $(VENV)/.dev ## write files the way `make lint` wants them
	@$(VENV)/bin/ruff format --quiet
	@$(VENV)/bin/ruff check --fix --quiet

docs: $(VENV)/.dev ## write docs/destinations.md from what the destinations say of themselves
	@$(PY) -m tests.docs.destinations_page

bench: $(VENV)/.dev ## the figures this project promises, measured on this machine (minutes)
	@$(PY) -m tests.bench $(BENCH)

soak: $(VENV)/.dev ## kill the gateway again and again under load: nothing may be lost (minutes)
	@$(PY) -m tests.soak $(SOAK)

month: $(VENV)/.dev ## a simulated month of hourly repeats: what is sent of it, and that nobody misses a change (minutes)
	@$(PY) -m tests.month $(MONTH)

# LOCK=--upgrade takes the newest releases; without it only what pyproject.toml asks for changes.
COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/pip-compile --quiet $(LOCK) --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options
lock: $(VENV)/.dev ## pin every dependency with its hashes (make lock LOCK=--upgrade for newer ones)
	@$(COMPILE) --extra=aws --extra=expressions --extra=postgres --output-file=requirements.lock pyproject.toml
	@$(COMPILE) --extra=dev --constraint=requirements.lock --output-file=requirements-dev.lock pyproject.toml
	@for lock in $(RECEIVERS); do \
		$(COMPILE) --output-file=tests/receivers/requirements-$$lock.lock tests/receivers/$$lock.in || exit; \
	done

# Servers with needs of their own, each apart from us and from the others. The tests look for them here.
TEST_RECEIVERS ?= .venv-receivers
RECEIVERS := synapse alerta
receivers: $(RECEIVERS:%=$(TEST_RECEIVERS)/%/.made) ## install the servers that some tests start: Synapse and Alerta
$(TEST_RECEIVERS)/%/.made: tests/receivers/requirements-%.lock | $(VENV)/.dev
	@$(PY) -m venv --clear $(@D)
	@$(@D)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement $<
	@touch $@

image: ## build the container image with docker, podman or buildah
	@if [ -z "$(ENGINE)" ]; then echo "This needs docker, podman or buildah." >&2; exit 1; fi
	@$(ENGINE) build $(if $(filter docker,$(notdir $(ENGINE))),,--format=docker) --tag $(IMAGE) $(BUILD) .

clean: ## remove whatever these commands made
	@rm -rf $(VENV) .venv-receivers .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find . -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: an environment is touched only when what it is made from has changed.
$(VENV)/.run: requirements.lock pyproject.toml
$(VENV)/.dev: requirements-dev.lock pyproject.toml
$(VENV)/.run $(VENV)/.dev:
	@$(MAKE_VENV)
	@$(PIP) install --require-hashes --requirement $<
	@$(PIP) install --no-deps --editable .
	@touch $@

# The first Python that is new enough and can make environments (Debian and Ubuntu pack that part on its own).
MAKE_VENV = $(PY) -m pip --version >/dev/null 2>&1 && exit; lame=; \
	for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		lame=$$python; \
		$$python -c 'import ensurepip, venv' 2>/dev/null || continue; \
		echo "Installing into $(VENV) with $$($$python --version); this happens once."; \
		exec $$python -m venv --clear $(VENV); \
	done; \
	if [ -n "$$lame" ]; then \
		echo "$$($$lame --version) has no venv module (Debian, Ubuntu: apt install python3-venv)." >&2; \
	else \
		echo "No Python 3.11 or later was found. Install one, or name it: make run PYTHON=/path/to/python3" >&2; \
	fi; exit 1
