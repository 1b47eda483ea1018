# Everything a developer or an operator runs. A fresh machine needs Python 3.11, make and apt only.
SHELL := /bin/bash
PYTHON ?= python3
TOOLS := .tools
VENV := .venv
UV := $(TOOLS)/bin/uv
RUN := $(VENV)/bin
# Written when a part of the setup is done; each part is done again when what it is made of changes.
PACKAGES := $(VENV)/.packages
ASSETS := $(VENV)/.assets
WORDS := $(VENV)/.words
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo browser test check bench torture controls lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(PACKAGES) $(ASSETS) $(WORDS) ## Make the environment (.venv), front-end assets and translations

$(UV):
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install -q --disable-pip-version-check 'uv>=0.8'

$(PACKAGES): requirements-dev.lock pyproject.toml | $(UV)
	test -x $(RUN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	$(UV) pip sync -q --compile-bytecode --python $(RUN)/python --require-hashes requirements-dev.lock
	$(UV) pip install -q --python $(RUN)/python --no-deps --no-build-isolation -e .
	touch $@

$(ASSETS): assets/build.py assets/package.json assets/package-lock.json evergreen/web/static/web/in-app.js | $(PACKAGES)
	$(RUN)/python assets/build.py
	touch $@

$(WORDS): $(wildcard evergreen/*/locale/*/LC_MESSAGES/*.po) | $(PACKAGES)
	$(RUN)/python -m evergreen.web.translations compile
	touch $@

demo: setup ## Build the demo vendor (once) and serve it on 127.0.0.1:8000
	$(RUN)/evergreen demo --home .evergreen/demo

# The tests drive Debian's Chromium; installing it needs root once.
browser:
	@command -v chromium >/dev/null || $$([ "$$(id -u)" = 0 ] || echo sudo) sh -c \
		'apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null'

test: setup browser ## Run every test: SQLite, then the database tests on PostgreSQL
	$(RUN)/python -m pytest -q -n 3 --dist worksteal
	$(RUN)/python -m tests.postgres -q -n 3 --dist worksteal

check: setup ## Format, lint, types, order of the rooms, translations
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy evergreen tests bench assets
	$(RUN)/lint-imports --no-cache
	$(RUN)/python -m evergreen.web.translations check

bench: setup ## Print speed and size as ratios (ARGS: start, night, accounts, ingest)
	$(RUN)/python -m bench $(ARGS)

torture: setup ## Long fault runs (GROUP=engines|ingest-kill|ingest-fault|ingest-load|connectors|metrics|journeys-kill|journeys-chaos|experiments|ingest|night|import|all, ARGS="--seed 7")
	@if [ "$(GROUP)" = engines ]; then $(UV) pip install -q --python $(RUN)/python --require-hashes -r requirements-spark.lock; fi
	$(RUN)/python -m tests.torture --group $(or $(GROUP),all) $(ARGS)

controls: setup ## Plant faults that the tests must catch (ARGS="--only KEY", "--list")
	$(RUN)/python -m tests.controls $(ARGS)

lock: $(UV) ## Write the hashed requirement locks again
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --group spark -o requirements-spark.lock

clean: ## Remove what setup and demo made
	rm -rf $(VENV) $(TOOLS) .evergreen evergreen/web/static/vendor
