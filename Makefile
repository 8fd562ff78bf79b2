# Thin: each target is one line of the real commands.
PYTHON ?= python3
BIN := .venv/bin

# What Snakemake says of each job would bury the three lines at the end: its log has it.
all: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all --quiet rules
	@$(BIN)/python -m replication summary

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e '.[suite,test,lint]'
	touch $@

# make campaign PRESET=quick HOURS=8: trains what is missing, the most valuable first.
PRESET ?= quick
HOURS ?= 8
campaign: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m replication campaign --preset $(PRESET) --hours $(HOURS) -- $(SNAKEMAKE)

test: setup
	$(BIN)/pytest -n logical

# Kills by the hundred; what is measured is shown in the report, section "Reliability".
faults: setup
	$(BIN)/python -m bench.faults

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile && $(BIN)/mypy && $(BIN)/lint-imports --no-cache --no-logo && PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

.PHONY: all setup campaign test faults lint
