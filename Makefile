# Every verb of development. CI calls only these; `make demo` and `make test` need no step before them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
STAMP := $(VENV)/.setup-done
PYPROJECTS := packages/serving/pyproject.toml packages/client/pyproject.toml packages/control/pyproject.toml
PEERS := $(basename $(notdir $(wildcard benchmarks/serving/requirements/*.in)))
SOURCES := $(wildcard conftest.py packages tests examples docs benchmarks)

# How many processes share the tests, each with its own PostgreSQL. Three for two processors: while a test waits for pods,
# containers or a time limit, as many do, two others run.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format up bench bench-registry lock proto diagrams openapi configuration conformance-page clean

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements/uv.txt requirements/dev.txt $(PYPROJECTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation \
		-e packages/serving -e packages/client -e packages/control
	touch $@

setup: $(STAMP)  ## Make .venv with all three distributions installed. Safe to repeat.

demo: setup  ## Train, register, package, deploy and ask the breast-cancer example; no other service is needed.
	$(BIN)/python examples/demo.py

# Hundreds of processes import the same libraries, and each would compile them where nobody may write their bytecode.
test: setup  ## Run all tests. Those that need an engine which is not there say so.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: setup  ## Lint, format check, vocabulary, types, import contracts.
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/python docs/vocabulary.py
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

format: setup  ## Format the sources and mend what can be mended.
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

up: setup  ## Start the local stack.
	$(BIN)/modelyard up

bench: setup  ## Measure the model server beside its peers, about 12 minutes; BENCH="--whole" measures all.
	$(BIN)/python -m benchmarks.run $(BENCH)

bench-registry: setup  ## Time reads of the registry beside MLflow's server.
	$(BIN)/python -m benchmarks.registry --write

proto: setup  ## Generate the protocol's gRPC messages anew from their .proto file.
	$(BIN)/python packages/serving/tools/generate_proto.py

diagrams: setup  ## Draw the life cycles in docs/ anew from their tables.
	$(BIN)/python docs/diagrams.py

openapi: setup  ## Write docs/openapi.json anew from the code.
	$(BIN)/python docs/openapi.py

configuration: setup  ## Write docs/configuration.md anew from the groups of settings.
	$(BIN)/python docs/configuration.py

conformance-page: setup  ## Write docs/conformance.md anew; RESULTS="a.json b.json" adds results to it.
	$(BIN)/python -m modelyard_serving.conformance.page docs/conformance $(RESULTS)

lock:  ## Compile the locked requirements anew.
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		-o requirements/uv.txt requirements/uv.in
	cp requirements/uv.txt packages/client/src/modelyard_client/project_template/files/common/requirements/uv.txt.jinja
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra onnx --extra compile --extra sklearn --extra xgboost --extra lightgbm --extra catboost \
		--extra frames --extra grpc --extra otlp --extra conformance --extra s3 --extra azure --extra kubernetes --extra aks \
		--extra databricks \
		--no-emit-package modelyard-client --no-emit-package modelyard-serving \
		-o requirements/dev.txt $(PYPROJECTS) requirements/dev.in
	for peer in $(PEERS); do $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header -o benchmarks/serving/requirements/$$peer.txt benchmarks/serving/requirements/$$peer.in || exit 1; done

clean:  ## Remove what setup and the checks made.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
