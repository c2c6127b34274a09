# make demo · make test · make report · make lint: each makes .venv first if it is missing or out of date.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CORES ?= all
SCALE ?= quick
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: demo report test lint format docs reference clean

demo: .venv/ready
	snakemake --cores $(CORES) --quiet rules
	snakemake --cores 1 --quiet all --report results/quick/report.html
	@cat results/quick/scoreboard.txt
	@echo "report: $(CURDIR)/results/quick/report.html"

report: .venv/ready
	snakemake --cores $(CORES) --quiet rules --configfile config/$(SCALE).yaml
	snakemake --cores 1 --quiet all --configfile config/$(SCALE).yaml --report results/$(SCALE)/report.html
	@echo "report: $(CURDIR)/results/$(SCALE)/report.html"

# A file's tests share what takes long to make, so they stay with one worker.
test: .venv/ready
	OMP_NUM_THREADS=1 pytest -n auto --maxprocesses 4 --dist loadfile

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

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

.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed: make PYTHON=python3.12 …"'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$$(sed -n 's/.*"torch==\(.*\)",/\1/p' pyproject.toml)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf results/quick results/standard results/full
