# Everything a developer or an operator runs. A fresh machine needs Python 3.11, make and apt only.
SHELL := /bin/bash
PYTHON ?= python3
TOOLS := .tools
VENV := .venv
UV := $(TOOLS)/bin/uv
RUN := $(VENV)/bin
STAMP := $(VENV)/.stamp
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help setup demo test test-sqlite test-postgres check bench torture controls lock clean browser

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## Make the environment (.venv), front-end assets and translations

$(UV):
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install -q --disable-pip-version-check 'uv>=0.8'

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml assets/package.json assets/package-lock.json $(wildcard evergreen/*/locale/*/LC_MESSAGES/*.po) | $(UV)
	test -x $(RUN)/python || $(UV) venv -q --python $(PYTHON) $(VENV)
	$(UV) pip sync -q --compile-bytecode --python $(RUN)/python --require-hashes requirements-dev.lock
	$(UV) pip install -q --python $(RUN)/python --no-deps --no-build-isolation -e .
	$(RUN)/python assets/build.py
	$(RUN)/python -m evergreen.web.translations compile
	touch $@

demo: setup ## Build the demo vendor (once) and serve it on 127.0.0.1:8000
	$(RUN)/evergreen demo --home .evergreen/demo

browser:
	@command -v chromium >/dev/null 2>&1 || (apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null)

test: setup browser ## Run every test: SQLite, then the database tests on PostgreSQL
	$(RUN)/python -m pytest -q -n 2 --dist loadfile
	$(RUN)/python -m tests.postgres -q -n 2 --dist loadfile

check: setup ## Format, lint, types, import order, docs
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy evergreen
	$(RUN)/lint-imports --no-cache
	$(RUN)/python -m evergreen.web.translations check

bench: setup ## Print speed and size ratios, each measured in one run
	$(RUN)/python -m bench $(ARGS)

torture: setup browser ## Long fault and load runs (GROUP=ingest|night|all)
	$(RUN)/python -m tests.torture --group $(or $(GROUP),all)

controls: setup ## Plant faults that the tests must catch
	$(RUN)/python -m tests.controls

lock: $(UV) ## Write the hashed requirement locks again (no registry addresses)
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	$(UV) pip compile -q --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock

clean: ## Remove what setup and demo made
	rm -rf $(VENV) $(TOOLS) .evergreen evergreen/web/static/vendor
