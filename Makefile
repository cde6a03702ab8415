# What each target is for: `make help`. PORT, RESEARCH_KB_HOME and LISTEN tell stacks apart (docs/configuration.md).

SHELL := /bin/bash
PYTHON ?=
SYSTEM_PYTHON := $(or $(PYTHON),python3)
PY := .venv/bin/python
BOOTSTRAP = PYTHON="$(PYTHON)" $(SYSTEM_PYTHON) local/bootstrap.py
DETACH ?=
FOLLOW ?= 1
TESTS ?= tests
BENCH ?= memory cold_start ingest search_latency search_load
UPGRADE ?=

.DEFAULT_GOAL := help
.PHONY: help up down status logs test lint bench images cluster-test prod-secrets prod-config prod-test lock

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

up: ## set up and start everything, load the sample, ask a question; DETACH=1 returns when ready
	@$(BOOTSTRAP) main --triton
	@exec $(PY) -m local.commands up $(if $(filter-out 0,$(DETACH)),--detach)

down: ## end this stack and nothing else; the data stay
	@if [ -x $(PY) ]; then $(PY) -m local.commands down; else echo "no stack: nothing is set up here"; fi

status: ## processes, ports and memory of each part
	@if [ -x $(PY) ]; then $(PY) -m local.commands status || true; else echo "no stack: nothing is set up here"; fi

logs: ## readable logs of all parts, followed; FOLLOW=0 only shows the last lines
	@if [ -x $(PY) ]; then exec $(PY) -m local.commands logs $(if $(filter-out 0,$(FOLLOW)),--follow); \
	else echo "no stack: nothing is set up here"; fi

test: ## all tests, on a stack of their own; TESTS=tests/unit for a part
	@$(BOOTSTRAP) dev --triton
	@$(PY) -m pytest $(TESTS)

lint: ## ruff and mypy --strict
	@$(BOOTSTRAP) dev
	@$(PY) -m ruff check .
	@$(PY) -m mypy .

bench: ## measure this machine against its bounds (bench/README.md); BENCH="search_load" for one of them
	@$(BOOTSTRAP) dev --triton
	@$(PY) -m local.commands up --detach
	@missed=0; for name in $(BENCH); do $(PY) -m bench.$$name || missed=1; done; exit $$missed

images: ## build the images with $BUILD (docker or buildah) on $BASE; TAG=, FUNCTIONS="search keys" for some of them
	@$(SYSTEM_PYTHON) -m deploy.images.build $(if $(BUILD),--build $(BUILD)) $(if $(BASE),--base $(BASE)) \
	  $(if $(TAG),--tag $(TAG)) $(if $(PREFIX),--prefix $(PREFIX)) $(FUNCTIONS)

cluster-test: ## images, cluster, tests/cluster: $$BUILD, $$BASE, $$IMAGE_LOAD, $$KUBECTL, $$GATEWAY ... (docs/deploy-images.md)
	@$(BOOTSTRAP) dev --triton
	@$(PY) -m tests.cluster.deployment

prod-secrets: ## make the secret files of docker-compose.prod.yml, those that are missing (SECRETS=folder)
	@$(SYSTEM_PYTHON) -m deploy.compose.secrets $(SECRETS)

prod-config: ## have Compose ($COMPOSE, default docker compose) read docker-compose.prod.yml
	@$(SYSTEM_PYTHON) -m deploy.compose.check

prod-test: ## run docker-compose.prod.yml on images built on $BASE, restart every service under load, take it down
	@$(BOOTSTRAP) dev
	@$(PY) -m tests.compose.prod_test $(if $(BASE),--base $(BASE))

LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)
LOCK_IMAGE = $(LOCK) --override requirements/images.overrides

lock: ## write the locks anew from requirements/*.in and Kafka's coordinates; UPGRADE=1 takes newer versions
	@$(BOOTSTRAP) dev
	@$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt
	@$(LOCK) requirements/main.in -o requirements/main.txt
	@$(LOCK) requirements/dev.in -c requirements/main.txt -o requirements/dev.txt
	@$(LOCK) requirements/triton.in -o requirements/triton.txt
	@$(LOCK) --no-deps requirements/triton-nodeps.in -o requirements/triton-nodeps.txt
	@for path in functions/*/main.py; do group=functions/$$(basename $$(dirname $$path)); \
	  $(LOCK_IMAGE) -c requirements/main.txt requirements/$$group.in -o requirements/$$group.txt || exit 1; done
	@for group in bridge cli triton-models; do \
	  $(LOCK_IMAGE) -c requirements/main.txt requirements/$$group.in -o requirements/$$group.txt || exit 1; done
	@$(LOCK) --no-deps -c requirements/main.txt requirements/postgres-clients.in -o requirements/postgres-clients.txt
	@$(LOCK) --no-deps -c requirements/main.txt requirements/lambda.in -o requirements/lambda.txt
	@$(LOCK_IMAGE) requirements/triton-gpu.in -o requirements/triton-gpu.txt
	@$(LOCK) --no-deps requirements/triton-cpu.in -o requirements/triton-cpu.txt
	@$(PY) -m local.kafka_jars
