.DEFAULT_GOAL := help
.PHONY: help install demo test lint types pytest fuzz chaos wheel services clean

# Options of a command: make demo ARGS="--speed 60"
ARGS ?=
BIN := .venv/bin
INSTALLED := .venv/installed

help:  ## this list
	@sed -nE 's/^([a-z%-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 22

install: $(INSTALLED)  ## everything that is needed, into .venv

$(INSTALLED): pyproject.toml uv.lock hatch_build.py dashboards/console/package-lock.json
	@.ci/install

demo: $(INSTALLED)  ## start the whole house on this machine, on recordings; ARGS="--speed 60"
	@$(BIN)/shouwang demo $(ARGS)

lint: $(INSTALLED)  ## formatting and lint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(INSTALLED)  ## mypy --strict
	@$(BIN)/mypy

# The journeys are paced by the clock and want the machine to themselves; the others wait for other
# processes most of the time, so several run at once. They come last, so that the last line is theirs.
test: lint types  ## formatting, lint, types and all tests
	@$(BIN)/pytest -q tests/journeys
	@$(BIN)/pytest -q --numprocesses 3 --dist loadfile --ignore tests/journeys

pytest: $(INSTALLED)  ## tests alone, one at a time; ARGS="-k journal"
	@$(BIN)/pytest -q $(ARGS)

# Seconds for each decoder: make fuzz SECONDS=600 ARGS="line tts"
SECONDS ?= 60

fuzz: $(INSTALLED)  ## atheris on every decoder; SECONDS=60 for each, ARGS="line" for one
	@$(BIN)/python -c 'import atheris' 2>/dev/null || .ci/install --group fuzz \
	  || echo "atheris could not be installed here: it has packages for Linux on x86-64 only"
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

chaos: SECONDS = 300
chaos: $(INSTALLED)  ## fault experiments, docs/chaos.md; SECONDS=300 for each, ARGS="clocks" for one
	@$(BIN)/python -m tests.chaos --seconds $(SECONDS) $(ARGS)

# The uv that .ci/install used: the machine's own, else the one it brought.
wheel: $(INSTALLED)  ## one file to install on devices and servers, in dist/
	@PATH="$$PATH:$(CURDIR)/.uv/bin" uv build --quiet --wheel
	@ls dist/*.whl

services:  ## real servers to test against: Mosquitto, InfluxDB 2.7 and 1, VictoriaMetrics, PostgreSQL, Chromium, libfaketime, strace
	@tests/services/install.sh

bench-%: $(INSTALLED)  ## one benchmark, by the name of its module in benchmarks/
	@$(BIN)/python -m benchmarks.$* $(ARGS)

clean:  ## remove what was built and fetched here
	rm -rf .venv .uv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf dashboards/console/static/vendor
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
