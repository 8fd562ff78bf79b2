# Thin: each target is one line of the real commands.
PYTHON ?= python3
BIN := .venv/bin

# What Snakemake says of each rule would bury the three lines at the end: its log has it.
all: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --cores all --quiet rules
	@$(BIN)/python -m replication summary

setup: .venv/ready

# Python compiles what is imported when it first is; compiling all took half of the time.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile -c constraints.txt -e '.[suite,test,lint]'
	touch $@

# make campaign PRESET=quick HOURS=8: trains what is missing, the most valuable first.
PRESET ?= quick
HOURS ?= 8
campaign: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" python -m replication campaign --preset $(PRESET) --hours $(HOURS) -- $(SNAKEMAKE)

# make gpu MINUTES=25: a GPU machine for some minutes; DEVICE=cpu rehearses it. Without Snakemake and
# internet (docs/going-further.md), so that no environment is set up.
MINUTES ?= 25
DEVICE ?= cuda
gpu:
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m replication.gpu --minutes $(MINUTES) --device $(DEVICE) $(GPU)

# make test PYTEST='-m "not gpu and not long"': the slow ones, too, as CI has them.
test: setup
	$(BIN)/pytest -n logical $(PYTEST)

# Kills by the hundred; what is measured is shown in the report, section "Reliability".
faults: setup
	$(BIN)/python -m bench.faults

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile && $(BIN)/mypy && $(BIN)/lint-imports --no-cache --no-logo && PATH="$(CURDIR)/$(BIN):$$PATH" snakemake --lint

# In an environment of its own: it is no part of the suite, and needs the network.
audit: .venv/audit/ready
	.venv/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

.venv/audit/ready:
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --quiet 'pip-audit==2.10.1'
	touch $@

# make damage INPUTS=100000: damaged files for every reader, with figures.
INPUTS ?= 100000
damage: setup
	$(BIN)/python -m bench.readers --inputs $(INPUTS)

.PHONY: all setup campaign gpu test faults lint audit damage
