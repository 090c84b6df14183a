PYTHON ?= python3

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo serve live kafka test check coverage soak bench bench-stream mutants schemas lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-12s %s\n", $$1, $$2 }'

demo: .venv/.core ## Run the demo: a synthetic school, its report and its publication; then use .venv/bin/outcomes
	@.venv/bin/outcomes demo
	@rm -rf demo/publication
	@echo && .venv/bin/outcomes publish demo/report-2022.json --out demo/publication --edition docs/examples/edition.yaml
	@echo "To read it: demo/publication/index.html"

serve: .venv/.core ## Open the live page on the demo's log, at http://127.0.0.1:8080
	@[ -e demo/demo-ledger.db ] || .venv/bin/outcomes demo
	@.venv/bin/outcomes serve --insecure-dev --log sqlite:demo/demo-ledger.db

live: .venv/.core ## Run the demo on Apache Kafka: two workers, live figures that equal a replay
	@.venv/bin/python -m deploy.live

kafka: .venv/.core ## Run Apache Kafka on 127.0.0.1 without docker until Ctrl-C; KAFKA_PORT=9092
	@.venv/bin/python -m deploy.broker

# Three processes: many of these tests wait, for a broker or another process.
test: check coverage ## Run every check and every test
	@.venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS) $(PURE_TESTS:%=--ignore=%)

coverage: .venv/.dev ## Run the tests of the rules, which have to reach every branch of them
	@.venv/bin/python -m pytest -n 2 --dist loadfile $(PURE_TESTS) --cov

# With the doctests of the packages; what the first of these runs, the second need not run again.
PURE_TESTS = schemas projections tests/schemas tests/projections tests/scenarios
TESTS = tests processors ledger outcomes

check: .venv/.dev ## Lint, formatting, types, import directions
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

soak: .venv/.dev ## Fault-injection soak test, SOAK="--minutes 60 --seed 2026"
	@.venv/bin/python -m tests.faults.tampering
	@OUTCOMES_TEST_MUTATIONS=200 .venv/bin/python -m pytest -q tests/outcomes/publish/test_verifying.py
	@.venv/bin/python -m tests.faults.gateway
	@.venv/bin/python -m tests.faults.ending
	@.venv/bin/python -m tests.ledger.disclosure.soak
	@OUTCOMES_TEST_REQUESTS=500 .venv/bin/python -m pytest -q -n 0 tests/outcomes/serve/test_openapi.py
	@.venv/bin/python -m tests.faults.soak $(SOAK)

bench: .venv/.dev ## Measure admission, append and replay beside a plain json.loads loop
	@.venv/bin/python benchmarks/replay.py

bench-stream: .venv/.dev ## Measure a worker on a real Kafka beside what a user would write
	@.venv/bin/python benchmarks/stream.py

mutants: .venv/.dev ## Mutation test: change the meaning of one line at a time; a test must fail
	@.venv/bin/python -m tests.mutations.mutants

schemas: .venv/.core ## Regenerate schemas/*.json from the classes
	@for type in $$(.venv/bin/outcomes schema | cut -d' ' -f1); do \
		.venv/bin/outcomes schema $$type > schemas/$$type.json || exit 1; done

lock: ## Update constraints.txt to the newest versions that pyproject.toml allows
	@$(require_python)
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(PYTHON) -m venv "$$folder" && \
	"$$folder/bin/python" -m pip install --quiet --disable-pip-version-check --editable '.[dev,serve,report]' && \
	{ sed -n '/^#/p' constraints.txt; "$$folder/bin/python" -m pip freeze --exclude-editable; } > "$$folder/lock" && \
	cat "$$folder/lock" > constraints.txt

clean: ## Remove the environment, caches and builds
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.core: pyproject.toml constraints.txt
	@$(require_python)
	@echo "Setting up .venv (about ten seconds, once) ..."
	@$(venv)
	@$(install) --editable '.[serve,report]'
	@touch $@

# The tests' environment contains the core, so it also serves the demo.
.venv/.dev: pyproject.toml constraints.txt
	@$(require_python)
	@echo "Setting up .venv for the tests (about twenty seconds, once) ..."
	@$(venv)
	@$(install) --editable '.[dev,serve,report]'
	@touch .venv/.core $@

# An environment holds its folder's path: after a move, or when its Python is gone, it is rebuilt.
ifneq ($(shell cat .venv/.folder 2>/dev/null),$(CURDIR))
.PHONY: .venv/.core .venv/.dev
endif
venv = { [ "$$(cat .venv/.folder 2>/dev/null)" = "$(CURDIR)" ] && .venv/bin/python -c '' 2>/dev/null; } || \
	{ $(PYTHON) -m venv --clear .venv && echo "$(CURDIR)" > .venv/.folder; } || \
	{ rm -rf .venv; echo "$(PYTHON) cannot create a virtual environment; on Debian and Ubuntu install python3-venv" >&2; exit 1; }
install = .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
require_python = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "Python 3.11 or newer is needed and '$(PYTHON)' is not one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
