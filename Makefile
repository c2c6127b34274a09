# make demo · make test · make report · make lint: each makes .venv first if it is missing or out of date.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
SCALE ?= quick
# Tests of Snakemake and of a queue wait now and then, so that there are three for two cores.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, 3 * os.cpu_count() // 2))')
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Where pip is told of wheels beside PyPI's (such as torch for CPUs, a tenth of the size), pip takes torch from there;
# all else, and torch elsewhere, is what uv.lock says, checked by hash.
CUDA := torch triton $(shell sed -n 's/^name = "\(nvidia-[^"]*\|cuda-[^"]*\)"$$/\1/p' uv.lock)
TORCH := $(shell sed -n 's/.*"\(torch==[^"]*\)",/\1/p' pyproject.toml)
OWN_TORCH := $(PIP_FIND_LINKS)$(PIP_INDEX_URL)$(PIP_EXTRA_INDEX_URL)

.PHONY: demo report test test-fast lint format docs reference clean

demo: .venv/ready
	snakemake --cores $(CORES) --quiet rules
	snakemake --cores 1 --quiet all --report results/quick/report.html
	@cat results/quick/scoreboard.txt
	@echo "report: $(CURDIR)/results/quick/report.html"

report: .venv/ready
	snakemake --cores $(CORES) --quiet rules --configfile config/$(SCALE).yaml
	snakemake --cores 1 --quiet all --configfile config/$(SCALE).yaml --report results/$(SCALE)/report.html
	@echo "report: $(CURDIR)/results/$(SCALE)/report.html"

# tests/conftest.py says which tests stay with one worker. `pytest -m fuzz` runs what is left out.
test: .venv/ready
	OMP_NUM_THREADS=1 pytest -n $(WORKERS) --no-loadscope-reorder -m 'not fuzz'

# Without what runs snakemake or takes long.
test-fast: .venv/ready
	OMP_NUM_THREADS=1 pytest -n $(WORKERS) --no-loadscope-reorder -m 'not (workflow or slow or long or fuzz)'

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	ty check --quiet

format: .venv/ready
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

# docs/METHODS.md and docs/RESULTS.md from the configuration and the committed reference scores
docs: .venv/ready
	python workflow/scripts/document.py

# results/<scale> as the committed reference of this commit
reference: .venv/ready
	python workflow/scripts/reference.py --scale $(SCALE)

.venv/ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed: make PYTHON=python3.12 …"'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9 $(if $(OWN_TORCH),$(TORCH))
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv sync --quiet --frozen --active --inexact --compile-bytecode \
	    --extra dev --extra bigwig --extra chemnet --extra export --extra rna --extra slurm $(if $(OWN_TORCH),$(CUDA:%=--no-install-package %))
	touch $@

clean:
	rm -rf results/quick results/standard results/full
