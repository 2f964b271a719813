# Everything a checkout needs, on Debian-like systems and macOS, as root or not: `make help`.
# Works with GNU make 3.81 (what macOS ships), so no newer feature is used here.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Interpreter that makes the virtual environment; the first of these that is 3.11 or newer.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

# Tests run in this many processes, each with its own database cluster.
JOBS ?= 2
# Photographs to enrol and to show at the gate, as FACES/person/photo.jpg.
FACES ?=

# Tests start hundreds of processes: each would compile all of ours anew, half a second of a processor.
unexport PYTHONDONTWRITEBYTECODE

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
export PIP_NO_INPUT := 1

# Without a home to write to, as in some containers, the models live in the checkout.
ifneq ($(shell [ -w "$${XDG_CACHE_HOME:-$$HOME}" ] && echo yes),yes)
export DOORWARD_MODELS ?= $(CURDIR)/build/models
endif

.PHONY: help
help: ## Show this list
	@echo "Doorward. Two commands to begin with: make demo, make test"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo FACES=DIR    the demo on your own photographs, DIR/person/photo.jpg"
	@echo "  make test JOBS=1       in one process; PYTHON=python3.12 picks the interpreter"

.PHONY: venv
venv: $(STAMP) ## Make .venv from requirements/dev.txt, by hash (again only when that changes)

$(STAMP): requirements/dev.txt pyproject.toml gate_sdk/pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Doorward needs Python 3.11 or newer, and found none on the PATH ($$(python3 --version 2>&1))." >&2; \
		echo "  Debian, Ubuntu: sudo apt install python3 python3-venv    macOS: brew install python@3.13" >&2; \
		echo "  or name one: make venv PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "Doorward needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; exit 1; fi
	@if "$(BIN)/python" -m pip --version >/dev/null 2>&1; then :; \
	elif "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "making $(VENV) with $$("$(PYTHON)" --version)"; "$(PYTHON)" -m venv --clear "$(VENV)"; \
	elif command -v uv >/dev/null 2>&1; then \
		echo "making $(VENV) with uv"; uv --no-config venv --quiet --clear --seed --python "$(PYTHON)" "$(VENV)"; \
	else \
		echo "$(PYTHON) cannot make a virtual environment: it came without ensurepip (Debian packs it apart)." >&2; \
		echo "  Debian, Ubuntu: sudo apt install python3-venv" >&2; \
		echo "  or install uv, or name another interpreter: make venv PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@echo "installing requirements/dev.txt, by hash (a few minutes the first time)"
	@"$(BIN)/python" -m pip install --quiet --require-hashes -r requirements/dev.txt
	@"$(BIN)/python" -m pip install --quiet --no-deps --no-build-isolation --editable ./gate_sdk --editable .
	@touch "$(STAMP)"

.PHONY: models
models: $(STAMP) ## Build the default face model pack and check it
	@"$(BIN)/doorward-gate" models install

.PHONY: demo
demo: $(STAMP) models ## Run the main job end to end: enrol, sync, open the gate, move out
	@mkdir -p build/demo
	@"$(BIN)/doorward" demo --once $(if $(FACES),--faces "$(FACES)") --report build/demo/report.json

.PHONY: test
test: $(STAMP) models ## Run the tests, but the long ones
	@"$(BIN)/python" -m pytest -m "not deep" -n $(JOBS) --dist loadfile

.PHONY: lint
lint: $(STAMP) ## Check format, style, types, import layers and known weaknesses
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/ruff" check .
	@"$(BIN)/python" -m mypy
	@"$(BIN)/lint-imports"
	@"$(BIN)/bandit" --quiet --recursive --configfile bandit.yaml backend gate_sdk/src

.PHONY: openapi-check
openapi-check: $(STAMP)
	@"$(BIN)/doorward" openapi --check
	@"$(BIN)/doorward" configuration --check

.PHONY: check
check: lint openapi-check test ## All that must pass before a commit lands (under 12 minutes on 2 cores)

.PHONY: check-deep
check-deep: $(STAMP) models infra-tools ## Kill tests, real S3, long fuzzing (under 30 minutes on 2 cores)
	@"$(BIN)/python" -m pytest -m deep -n $(JOBS) --dist loadfile

INFRA := .venv-infra

.PHONY: infra-tools
infra-tools: $(INFRA)/.installed

# Where it cannot be had, the test that needs it is skipped, and says so.
$(INFRA)/.installed: requirements/infra.txt | $(STAMP)
	@"$(BIN)/uv" --no-config venv --quiet --clear --python "$(BIN)/python" "$(INFRA)"
	@"$(BIN)/uv" pip install --quiet --python "$(INFRA)/bin/python" --require-hashes -r requirements/infra.txt && touch "$@" \
		|| echo "checkov could not be installed: infra/ stays unchecked by it" >&2

.PHONY: bench
bench: $(STAMP) models ## Measure; prints, and writes build/bench.json
	@mkdir -p build
	@"$(BIN)/python" -m bench

.PHONY: openapi
openapi: $(STAMP) ## Write down what is read off the code: five OpenAPI documents, the page of settings
	@"$(BIN)/doorward" openapi
	@"$(BIN)/doorward" configuration --write

# PIP_FIND_LINKS, UV_* and configuration files are left out: an index or a folder of one machine
# must neither choose a version nor add a hash to files that everybody installs from.
COMPILE := env -u PIP_FIND_LINKS -u UV_FIND_LINKS -u UV_INDEX -u UV_EXTRA_INDEX_URL "$(BIN)/uv" --no-config pip compile \
	--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-package doorward-gate --custom-compile-command 'make requirements'

.PHONY: requirements
requirements: $(STAMP) ## Compile requirements/*.txt anew (ARGS=--upgrade takes newer versions)
	@$(COMPILE) $(ARGS) pyproject.toml gate_sdk/pyproject.toml --all-extras --group dev \
		-o requirements/dev.txt
	@$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/runtime.txt
	@$(COMPILE) gate_sdk/pyproject.toml --extra face --extra qr -c requirements/dev.txt -o requirements/sdk.txt
	@$(COMPILE) gate_sdk/pyproject.toml --extra face --extra models -c requirements/dev.txt -o requirements/models.txt
	@$(COMPILE) --group build -c requirements/dev.txt -o requirements/build.txt
	@$(COMPILE) --group infra -o requirements/infra.txt
	@if grep -nE '://|file:|^-|^torch' requirements/*.txt; then \
		echo "requirements carry an address, an option or a package that does not belong there" >&2; exit 1; fi

.PHONY: clean
clean: ## Remove what was built; .venv and data directories stay
	@rm -rf build dist gate_sdk/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -path "./$(VENV)" -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
