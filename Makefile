# Two commands matter: `make bench` (the main job on the built-in default) and `make test`. While you write: `make fast`.
SHELL := /bin/sh
PYTHON ?= python3
# Everything runs from the checkout, whatever directory make was called from (make -C, make -f), spaces in its path too.
ROOT := $(shell cd "$$(dirname "$(strip $(MAKEFILE_LIST))")" && pwd)
PY := .venv/bin/python
READY := .venv/.lock-installed
# A worker a core, at most four; the cases of one file stay together and share what they set up.
PYTEST := $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: bench test fast lint lowest ready install clean

bench: ready
	@cd "$(ROOT)" && $(PY) bench.py run --method cmet --limit 22 --resume --out runs/bench

test: lint
	@cd "$(ROOT)" && $(PYTEST)

# Under a minute on two cores: style, types, and the cases without a process, a film of real length or a big network.
fast: lint
	@cd "$(ROOT)" && $(PYTEST) -m "not slow and not codec and not full_size"

lint: ready
	@cd "$(ROOT)" && $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && \
	    { .venv/bin/lint-imports --no-cache >.venv/imports.txt || { cat .venv/imports.txt; exit 1; }; }

# The lock that was installed is kept: a fresh checkout beside a cached .venv has newer files, and nothing to install.
# --no-deps: the lock is complete, and facenet-pytorch's old pins (numpy<2, torch<2.3) do not bind.
ready:
	@cd "$(ROOT)" && if ! cmp -s requirements.lock $(READY); then \
	    "$(PYTHON)" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	        { echo 'Python 3.10 to 3.13 is needed. Name one: make bench PYTHON=python3.12' >&2; exit 1; }; \
	    echo 'Installing requirements.lock into .venv (once) …' && "$(PYTHON)" -m venv .venv && \
	    $(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock && \
	    cp requirements.lock $(READY); \
	fi

# The lowest versions that pyproject.toml allows, over those of the lock: the bounds are true. CI runs it once a change.
lowest: ready
	@cd "$(ROOT)" && rm -rf .venv-lowest && $(PY) -m venv .venv-lowest && \
	    $(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	        >"$$(.venv-lowest/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/lock.pth" && \
	    .venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lowest && \
	    .venv-lowest/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	        -m "not slow and not codec and not full_size"; code=$$?; rm -rf .venv-lowest; exit $$code

# The front door alone (`import cmet_bench`, the command cmet-bench), which points here; nothing is downloaded.
install: ready
	@cd "$(ROOT)" && $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	    echo '`import cmet_bench` works in .venv/bin/python now, and .venv/bin/cmet-bench is bench.py from anywhere.'

clean:
	cd "$(ROOT)" && rm -rf .venv runs
