# `make` or `make help` lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

DAYS ?= 30
TO ?= duckdb:audit.duckdb
LINES ?= 1000000
EVENTS ?= 2000000
WANDB_AUDIT := bin/wandb-audit

SOURCES := $(shell find src sinks schemas -name '*.ts' -o -name '*.tsx' -o -name '*.sql' 2>/dev/null) tsconfig.json tsconfig.build.json

.PHONY: help install build check test test-crash test-live interop interop-install test-browser demo load backfill bench bench-api bench-bucket bench-listing bench-lake bench-large bench-shapes bench-steady bench-verify generate clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

node_modules/.installed: package.json package-lock.json
	npm ci --ignore-scripts --no-fund --no-audit
	@touch $@

install: node_modules/.installed build ## Install dependencies from the lockfile, and build

dist/.built: node_modules/.installed $(SOURCES)
	@rm -rf dist
	npm run --silent build
	@touch $@

build: dist/.built ## Compile to dist/

check: node_modules/.installed ## Formatter, linter, types, hashes of the lockfile, freshness of generated files, unused code
	npm run --silent lint
	npm run --silent types
	npm run --silent lockfile:check
	npm run --silent generate:check
	npm run --silent unused

test: build ## Run the tests, all but those of test-crash; needs no network and no service
	npm test --silent -- $(ARGS)

test-crash: build ## Run the long tests: kills, ends at every step, many made inputs, further stores
	npx vitest run --config vitest.crash.config.ts $(ARGS)

test-live: node_modules/.installed ## Run the tests of real services, named by variables such as WANDB_AUDIT_TEST_S3
	npx vitest run --config vitest.live.config.ts $(ARGS)

INTEROP := test/interop
PYTHON ?= python3

$(INTEROP)/.venv/.installed: $(INTEROP)/requirements.txt $(INTEROP)/duckdb-1.4.txt
	rm -rf $(INTEROP)/.venv
	$(PYTHON) -m venv $(INTEROP)/.venv
	$(INTEROP)/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(INTEROP)/requirements.txt
	$(INTEROP)/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(INTEROP)/.venv/duckdb-1.4 -r $(INTEROP)/duckdb-1.4.txt
	@touch $@

$(INTEROP)/node_modules/.installed: $(INTEROP)/package.json $(INTEROP)/package-lock.json
	npm ci --ignore-scripts --prefix $(INTEROP) --no-fund --no-audit
	@touch $@

$(INTEROP)/jars/.installed: $(INTEROP)/pom.xml
	rm -rf $(INTEROP)/jars
	mvn --quiet --batch-mode --file $(INTEROP)/pom.xml dependency:copy-dependencies -DoutputDirectory=jars
	@touch $@

interop-install: $(INTEROP)/.venv/.installed $(INTEROP)/node_modules/.installed $(INTEROP)/jars/.installed

interop: build interop-install ## Run the tests against readers, analyzers and emulators of others; needs Python ≥ 3.11, Java ≥ 17, Maven and kubectl
	PYTHONDONTWRITEBYTECODE=1 $(INTEROP)/.venv/bin/python -m pytest $(INTEROP) --quiet
	npx vitest run --config vitest.interop.config.ts

BROWSER := test/browser

$(BROWSER)/node_modules/.installed: $(BROWSER)/package.json $(BROWSER)/package-lock.json
	npm ci --ignore-scripts --prefix $(BROWSER) --no-fund --no-audit
	@touch $@

test-browser: node_modules/.installed $(BROWSER)/node_modules/.installed ## Open reports in Chromium: Debian's, or the one that CHROMIUM names
	npx vitest run --config vitest.browser.config.ts $(ARGS)

demo: build ## Load made logs over HTTP and from files into demo/audit.duckdb, and ask about them
	$(WANDB_AUDIT) demo

load: build ## Load what is new: make load FROM=./wandb-audit-logs [TO=duckdb:audit.duckdb]
	$(WANDB_AUDIT) load $(if $(FROM),--from '$(FROM)') --to '$(TO)' $(ARGS)

backfill: build ## Load past days from the API: make backfill DAYS=30 FROM=https://acme.wandb.io [TO=…]
	$(WANDB_AUDIT) backfill --days $(DAYS) $(if $(FROM),--from '$(FROM)') --to '$(TO)' $(ARGS)

bench: build ## Measure against plain DuckDB: make bench [LINES=1000000]
	npx tsx bench/run.ts $(LINES)

bench-api: build ## Measure a load of one API window beside a file of its events: make bench-api [EVENTS=2000000]
	npx tsx bench/api.ts $(EVENTS)

bench-bucket: build ## Measure a bucket of many small objects: make bench-bucket [OBJECTS=10000]
	npx tsx bench/bucket.ts $(or $(OBJECTS),10000)

bench-listing: build ## Measure how a bucket of very many objects is listed: make bench-listing [OBJECTS=300000]
	npx tsx bench/listing.ts $(or $(OBJECTS),300000)

bench-large: EVENTS = 20000000
bench-large: build ## Measure 3,000 new events, one of them stray, in a large DuckDB file: make bench-large [EVENTS=20000000]
	npx tsx bench/large.ts $(EVENTS)

bench-lake: build ## Measure a lake of Parquet beside plain DuckDB: make bench-lake [LINES=1000000]
	npx tsx bench/lake.ts $(LINES)

bench-shapes: build ## Measure documents of very long, deep and wide lines, at two sizes of memory
	npx tsx bench/shapes.ts

bench-steady: node_modules/.installed ## Measure a day of runs every ten minutes, and a backfill of 90 days: make bench-steady [EVENTS=20000]
	npx tsx bench/steady.ts $(if $(filter command line environment,$(origin EVENTS)),$(EVENTS))

bench-verify: EVENTS = 1000000
bench-verify: build ## Measure verify --to, by digests and row by row: make bench-verify [EVENTS=1000000]
	npx tsx bench/verify.ts $(EVENTS)

generate: node_modules/.installed ## Write DDL, JSON Schemas and the data dictionary from schemas/
	npm run --silent generate

clean: ## Remove what was built, measured and loaded by the demo
	rm -rf dist coverage demo bench/data $(INTEROP)/.venv $(INTEROP)/node_modules $(INTEROP)/jars $(BROWSER)/node_modules
