# Two commands are all a new user needs: `make run` and `make test`.
# Both install everything into .venv first; a second call costs nothing.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run demo test lint format lock clean

run: $(READY)
	$(BIN)/casegate run

demo: $(READY)
	$(BIN)/casegate demo

test: $(READY)
	$(BIN)/pytest -n 2

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Names, versions and hashes of everything that is installed; no addresses.
lock:
	uv export --quiet --no-emit-project --all-extras --no-header -o requirements.lock

# Debian's python3 has no ensurepip: the environment is then made without pip, and the machine's own pip
# installs into it from outside (`pip --python`).
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m ensurepip --user >/dev/null 2>&1 || \
	    { echo "Casegate installs with pip, which $(PYTHON) lacks. On Debian: apt-get install python3-pip"; exit 1; }
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements.lock
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
