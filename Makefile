# The verbs of the house. Needs only Python >= 3.11 and make; everything else is installed into .venv from hashed locks.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := app assets brokers conf notebooks runtime strategies tradewright
STAMP := $(VENV)/.installed
REAL := $(wildcard ../shared/data/real)
export TRADEWRIGHT_REAL_DATA ?= $(abspath $(REAL))
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := yes
export PYTHONDONTWRITEBYTECODE :=  # empty: a process without compiled files takes twice as long to start

.PHONY: install demo test lint fmt types verify dev apps wheel bench notebooks audit licences sbom lock clean help
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(STAMP) ## everything into .venv, from the hashed locks
$(STAMP): requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tradewright needs Python >= 3.11, this is " + sys.version.split()[0] + ": set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --compile-bytecode --require-hashes -r requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -x runtime/template $(CODE)  # where processes may write no compiled files, each would compile these anew
	@$(BIN)/python -m app.warmup  # the kernels of the built-in strategies; else the first backtest compiles them
	@touch $(STAMP)

demo: install ## the main job, end to end, on the bundled gateway simulator
	@$(BIN)/tradewright demo

# Three workers for two cores, since tests wait for servers, browsers and one another.
test: export COVERAGE_FOLDER := build/coverage
test: install ## all tests, and the floors of the domain's coverage
	@rm -rf $(COVERAGE_FOLDER)
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -p tests.support.coverage tests
	$(BIN)/python -m tests.coverage_floors $(COVERAGE_FOLDER)

lint: install ## ruff, import contracts, bandit, secrets
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml tradewright conf runtime strategies brokers assets app
	git ls-files -z | xargs -0 $(BIN)/detect-secrets-hook --baseline .secrets.baseline

fmt: install ## format and fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install ## mypy --strict
	$(BIN)/mypy

notebooks: install ## the notebooks against the committed references (nbval); renew those with tests.notebooks.export
	$(BIN)/marimo check --strict notebooks/*.py
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=180 -p no:xdist -W default tests/notebooks/reference/*.ipynb

audit: install ## known vulnerabilities in the locked dependencies; fails when nothing could be audited
	$(BIN)/python -m tests.audit requirements/dev.txt

licences: install ## the licences of the locked dependencies (docs/licences.md)
	$(BIN)/python -m tests.licences requirements/dev.txt

sbom: install ## the bill of materials in CycloneDX: build/sbom.json
	$(BIN)/python -m tests.sbom requirements/core.txt build/sbom.json

verify: export TRADEWRIGHT_TESTS := whole
verify: lint types notebooks audit licences sbom demo test ## all that CI runs, the random programmes whole, and the kill tests 20 times
	for round in $$(seq 20); do $(BIN)/python -m pytest -q -m kill || exit 1; done

wheel: install ## the package as a wheel: dist/; tradewright init makes a project of one's own from it
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

dev: install ## Dagster behind a token on loopback, at http://127.0.0.1:3000
	$(BIN)/python -m app.dev

apps: install ## the lab, the documents, the monitor and the quality page on loopback
	$(BIN)/tradewright serve

bench: install ## our speed beside the peers', start-up, and how cost grows
	$(BIN)/python -m benchmarks.single
	$(BIN)/python -m benchmarks.sweep
	$(BIN)/python -m benchmarks.documents
	$(BIN)/python -m benchmarks.sweep_large
	$(BIN)/python -m benchmarks.monte_carlo
	$(BIN)/python -m benchmarks.cache
	$(BIN)/python -m benchmarks.cold_start
	$(BIN)/python -m benchmarks.panel
	$(BIN)/python -m benchmarks.panel_sweep
	$(BIN)/python -m benchmarks.indicators
	$(BIN)/python -m benchmarks.bars_io
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.scenarios
	$(BIN)/python -m benchmarks.growth --short

lock: install ## compile the locks again
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade requirements/uv.in -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml -o requirements/core.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --extra dev pyproject.toml -o requirements/dev.txt

clean: ## remove what was built; data/ (ledger, bars, reports) stays
	rm -rf $(VENV) build .dagster .mypy_cache .ruff_cache .import_linter_cache *.egg-info
