# Thin: each target is one line of the real commands.
PYTHON ?= python3
BIN := .venv/bin

all: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[suite,test,lint]'
	touch $@

test: setup
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile && $(BIN)/mypy && PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

.PHONY: all setup test lint
