# The two commands of the README are `make demo` and `make test`; each does all its set-up.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= $(shell nproc)
SCALE ?= ci
CUDA_ARCHITECTURES ?= 80-real;90
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_REQUIRE_VIRTUALENV := 1
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)

SOURCES := $(shell find src cpp -type f -not -path '*/__pycache__/*' 2>/dev/null) CMakeLists.txt pyproject.toml

EMULATION := doctest-dev cmake ninja-build bochs bochs-sdl grub-common grub-pc-bin xorriso mtools

EVIDENCE := $(subst _,-,$(basename $(notdir $(wildcard evidence/[a-z]*.py))))

.PHONY: help demo test test-fast scoreboard lint typecheck imports cpp cpp-sanitize cpp-avx512 cpp-cuda cuda evidence bench bench-peers mutation dev system format clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.installed ## Install mettle and play the whole idea once, offline
	$(BIN)/mettle demo

test: system $(VENV)/.installed $(VENV)/.tools ## Every check: static, C++ with sanitizers, Python with coverage, simulated worlds
	$(MAKE) lint typecheck imports
	$(MAKE) cpp-sanitize cpp-cuda
	.ci/pytest
	$(MAKE) scoreboard SCALE=ci

test-fast: $(VENV)/.installed $(VENV)/.tools ## Python tests that take seconds
	$(BIN)/python -m pytest -n $(JOBS) -q -m "not slow and not browser and not postgres"

scoreboard: $(VENV)/.installed $(VENV)/.tools ## The order path in simulated worlds: SCALE=short|ci|nightly|release
	$(BIN)/python -m tests.support.dst.scoreboard --scale $(SCALE)

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(VENV)/.installed $(VENV)/.tools
	$(BIN)/mypy src tests benchmarks evidence

imports: $(VENV)/.installed $(VENV)/.tools
	$(BIN)/lint-imports

cpp: system ## C++ tests, release build
	.ci/cpp release

cpp-sanitize: system ## C++ tests under address, undefined-behaviour and thread sanitizers
	.ci/cpp asan-ubsan tsan

cpp-avx512: ## C++ tests on an emulated processor with AVX-512, in some ten minutes
	.ci/system-packages $(EMULATION)
	.ci/cpp-emulated corei7_skylake_x avx512

cpp-cuda: system ## The CUDA sources compile; needs no GPU, and does nothing without nvcc
	.ci/cuda

cuda: $(VENV)/bin/python ## Install with the market for NVIDIA GPUs; needs nvcc, CUDA_ARCHITECTURES="80-real;90" as you like
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -C cmake.define.METTLE_CUDA=ON \
	  -C 'cmake.define.METTLE_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)' .
	touch $(VENV)/.installed

evidence: $(VENV)/.installed $(VENV)/.tools ## The short form of every evidence script
	for name in $(EVIDENCE); do $(BIN)/python -m evidence $$name; done

bench: $(VENV)/.installed $(VENV)/.tools ## Every benchmark, as a table and as build/benchmarks.json
	mkdir -p build && $(BIN)/python -m benchmarks env train backtest features session journal exchange simulation --json build/benchmarks.json

bench-peers: $(VENV)/.installed $(VENV)/.tools build/peers/main/.installed build/peers/nautilus/.installed ## The speed table beside its peers, which get environments of their own
	$(BIN)/python -m benchmarks speed --json build/speed.json

# A peer that does not install here is a row that says so, not an end of the race.
build/peers/main/.installed: benchmarks/peers/requirements.txt
build/peers/nautilus/.installed: benchmarks/peers/requirements-nautilus.txt
build/peers/%/.installed:
	$(PYTHON) -m venv build/peers/$*
	grep '^torch==' constraints.txt > build/peers/torch.txt
	build/peers/$*/bin/python -m pip install -q -c build/peers/torch.txt -r $< || \
	  { sed 's/#.*//' $< | xargs -n 1 build/peers/$*/bin/python -m pip install -q --no-deps || true; }
	touch $@

mutation: $(VENV)/.installed $(VENV)/.tools ## Mutants of the order path's domain; ARGS="--slice 3" for a sample
	$(BIN)/python -m pip install -q -c constraints.txt --group test --group mutation
	nice $(BIN)/python -m tests.support.mutation --explain $(ARGS)

dev: $(VENV)/.tools ## Editable install for the edit loop
	$(BIN)/python -m pip install -q -c constraints.txt scikit-build-core pybind11 ninja
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e .
	rm -f $(VENV)/.installed

system: ## Debian packages that the tests use, installed where that is allowed
	@.ci/system-packages

format: $(VENV)/.tools
	$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .

clean: ## Remove everything that was built
	rm -rf build dist $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "mettle needs Python 3.11 or newer, this is %d.%d: make PYTHON=python3.11 …" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip

$(VENV)/.installed: $(SOURCES) constraints.txt | $(VENV)/bin/python
	@echo "Installing mettle (the first time takes a few minutes) …"
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt .
	touch $@

$(VENV)/.tools: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt --group test --group lint
	touch $@
