# Two commands matter: `make bench` (the main job on the built-in default) and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
# Everything runs from the checkout, whatever directory make was called from (make -C, make -f).
ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VENV := $(ROOT)/.venv
PY := $(VENV)/bin/python
READY := $(VENV)/.lock-installed

.PHONY: bench test lint clean

bench: $(READY)
	cd "$(ROOT)" && "$(PY)" bench.py run --method cmet --limit 22 --resume --out "$(ROOT)/runs/bench"

test: $(READY) lint
	cd "$(ROOT)" && "$(PY)" -m pytest

lint: $(READY)
	cd "$(ROOT)" && "$(PY)" -m ruff check . && "$(PY)" -m ruff format --check . && "$(PY)" -m mypy

# --no-deps: the lock is complete, and facenet-pytorch's old pins (numpy<2, torch<2.3) do not bind.
$(READY): $(ROOT)/requirements.lock
	"$(PYTHON)" -m venv "$(VENV)"
	"$(PY)" -m pip install --quiet --disable-pip-version-check --no-deps -r "$(ROOT)/requirements.lock"
	touch "$(READY)"

clean:
	rm -rf "$(VENV)" "$(ROOT)/runs"
