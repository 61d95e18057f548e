# Every command of the project. `make help` lists them.

# the first Python that is new enough
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
SAM_VERSION = 1.170.0

VENV = .venv/bin
SAM = .venv-sam/bin/sam

export PYTHONPATH := layers/broker
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/runner ## run the broker here, without Docker; Ctrl-C stops it
	@exec $(VENV)/python -m local

demo: .venv/runner ## watch two producers and two consumers for half a minute; one of them is killed
	@exec $(VENV)/python examples/demo.py

test: .venv/development ## run all tests
	$(VENV)/python -m pytest

check: .venv/development ## look for faults without running anything
	$(VENV)/ruff format --check
	$(VENV)/ruff check
	$(VENV)/mypy

format: .venv/development ## write the code as the formatter wants it
	$(VENV)/ruff format
	$(VENV)/ruff check --fix

bench: .venv/development ## measure, against references in the same run
	$(VENV)/python -m bench

validate: .venv-sam/ready ## let AWS's own tools judge template.yaml
	$(SAM) validate --lint

build: .venv-sam/ready ## build what is deployed; needs python3.13 on PATH
	$(SAM) build

clean: ## remove what the commands made, but not the broker's data in .local
	rm -rf .venv .venv-sam .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runner: .venv/bin/python requirements.lock local/requirements.txt layers/broker/requirements.txt examples/requirements.txt
	@echo "installing the runner's packages, once"
	$(VENV)/python -m pip install --disable-pip-version-check -c requirements.lock \
		-r local/requirements.txt -r examples/requirements.txt
	@touch $@

.venv/development: .venv/runner tests/requirements.txt
	@echo "installing the packages of development, once"
	$(VENV)/python -m pip install --disable-pip-version-check -c requirements.lock -r tests/requirements.txt
	@touch $@

.venv-sam/ready: Makefile
	@echo "installing the SAM CLI in a place of its own, once"
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_VERSION)
	@touch $@

.PHONY: help run demo test check format bench validate build clean
