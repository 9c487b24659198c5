# `make demo` shows the whole thing; `make test` proves it; both set up what they need.
.DEFAULT_GOAL := help
.PHONY: help demo run simulate chaos module-zip screenshots test setup format lock clean format-check lint types imports pytest phpunit phpcs

PYTHON := .venv/bin/python
# Half of the tests wait for real processes, so two to a core; beyond four they only get into each other's way.
WORKERS ?= $(shell n=$$(nproc); if [ $$n -gt 2 ]; then echo 4; else echo $$((n * 2)); fi)

help: ## What there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Order, change, break and end two machines: real module, real bridge, sandbox for InfraFabric
	@.ci/setup run
	@$(PYTHON) -m bridge demo

run: ## Bridge and sandbox stay up to play with
	@.ci/setup run
	@$(PYTHON) -m bridge demo --stay

simulate: setup ## More worlds than the tests play: SEEDS=20000, or one again: SEED=17
	$(PYTHON) -m pytest -W error -n $(WORKERS) --dist worksteal -q --timeout 3600 tests/simulation/test_seeds.py

chaos: setup ## Real processes, kills and faults: SECONDS=60 SERVICES=200
	@$(PYTHON) -m tests.chaos.run --seconds $(or $(SECONDS),60) --services $(or $(SERVICES),200)

module-zip: ## The archive of the Blesta module, as an operator uploads it, into dist/
	@.ci/module-zip dist

screenshots: ## A picture of every page of the module, in real Chromium, into dist/screenshots/
	@.ci/setup screenshots
	@$(PYTHON) -m tests.browser.screenshots dist/screenshots

test: setup ## Every gate and every test
	@$(MAKE) --no-print-directory format-check
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory imports
	@$(MAKE) --no-print-directory phpcs
	@$(MAKE) --no-print-directory phpunit
	@$(MAKE) --no-print-directory pytest
	@echo 'Every gate is green.'

setup: ## What the gates need, and only what is missing
	@.ci/setup test

format: ## Bring the code into shape
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

format-check:
	$(PYTHON) -m ruff format --check .

lint:
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy bridge tests

imports:
	.venv/bin/lint-imports --no-cache

phpcs:
	cd php_shim && phpcs

phpunit:
	cd php_shim && phpunit

# The running server against openapi.yaml (schemathesis) is part of this.
pytest:
	$(PYTHON) -m pytest -W error -n $(WORKERS) --dist worksteal

# Locked on the oldest Python that is supported: what only that one needs is needed there.
lock: ## Pin the newest allowed versions of everything
	.ci/lock

clean: ## Remove what can be made again
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf php_shim/.phpunit.cache php_shim/.phpunit.result.cache
	find bridge tests -name __pycache__ -type d -prune -exec rm -rf {} +
