.DEFAULT_GOAL := help
.PHONY: help serve test check sdl bench faults demo lock
PYTHON ?= python3
RUN := PATH=.venv/bin:$$PATH
NEEDED := (3, 11)

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.serve: requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "Linkyard needs Python 3.11 or newer, with venv."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < $(NEEDED))' || { echo "Linkyard needs Python 3.11 or newer; $(PYTHON) is older."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Linkyard needs Python's venv module (Debian: python3-venv)."; exit 1; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.txt
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.serve
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.txt
	@touch $@

serve: .venv/.serve ## Set everything up and serve on http://localhost:8080
	@exec .venv/bin/python -m api serve

test: .venv/.dev ## Every suite, embedded (SQLite) and standard (PostgreSQL, Redis)
	@.venv/bin/python -m tests

check: .venv/.dev ## Format, lint, types, layers
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) basedpyright
	$(RUN) lint-imports

sdl: .venv/.dev ## Export the schema for the front end
	@.venv/bin/python -m schema.root > frontend_contract/schema.graphql.new
	@mv frontend_contract/schema.graphql.new frontend_contract/schema.graphql
	@.venv/bin/python -m schema.error_catalogue > frontend_contract/errors.md.new
	@mv frontend_contract/errors.md.new frontend_contract/errors.md
	@.venv/bin/python -m schema.trusted_documents > frontend_contract/trusted-documents.json.new
	@mv frontend_contract/trusted-documents.json.new frontend_contract/trusted-documents.json

bench: .venv/.dev ## Speed and memory, as ratios measured in one run
	@.venv/bin/python -m benchmarks.bench

faults: .venv/.dev ## kill -9, dead stores, full disks, rolling replacement
	@.venv/bin/python -W "ignore:XDG_RUNTIME_DIR" -m benchmarks.faults

demo: .venv/.dev ## Shorten URLS, replay LOG, and prove the count
	@.venv/bin/python -m benchmarks.demo $(if $(URLS),--urls "$(URLS)") $(if $(LOG),--log "$(LOG)")

LOCK := .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet
lock: .venv/.dev ## Resolve the dependencies anew into the lock files
	$(LOCK) pyproject.toml --output-file requirements.txt >/dev/null
	$(LOCK) pyproject.toml --group dev --constraint requirements.txt --output-file requirements-dev.txt >/dev/null
	$(LOCK) --group ldap --constraint requirements-dev.txt --output-file requirements-ldap.txt >/dev/null
