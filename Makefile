# Each target does its own set-up; a second call reuses it. `make help` lists them.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO_BIN := .venv-demo/bin
# the folder of real images and labels; benchmarks/real_images.toml says what is in it
DATA ?= $(or $(UNCLOUDED_DATA),../shared/data)
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check -c constraints.txt

PEERS := 'ukis-csmask[cpu]==1.0.0' s2cloudless==1.7.3 omnicloudmask==1.8.1

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench bench-peers gallery check clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.venv/.ready: pyproject.toml constraints.txt | python
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP_INSTALL) -e '.[train,dev]'
	@touch $@

.venv-demo/.ready: pyproject.toml constraints.txt | python
	$(PYTHON) -m venv .venv-demo
	$(DEMO_BIN)/python $(PIP_INSTALL) -e .
	@touch $@

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "make: expected Python 3.11, 3.12 or 3.13 on PATH, found none; install one, or call make PYTHON=/path/to/python"; exit 1; }

demo: .venv-demo/.ready ## make a synthetic product, mask it, score the mask
	$(DEMO_BIN)/unclouded demo -o demo

test: .venv/.ready ## run the tests
	$(BIN)/python -m pytest -m 'not slow'

lint: .venv/.ready ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.ready ## bring the code into the house's form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: .venv/.ready ## measure speed as ratios, on this machine: PRODUCT=folder of a full tile, else it is made
	$(BIN)/python benchmarks/dense_patchcnn.py
	$(BIN)/python benchmarks/full_tile.py $(if $(PRODUCT),--product $(PRODUCT))
	$(BIN)/python benchmarks/reading.py $(if $(PRODUCT),--product $(PRODUCT))
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/refine.py
	$(BIN)/python benchmarks/cubes.py

.venv-peers/.ready: | python
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check $(PEERS)
	@touch $@

bench-peers: .venv/.ready .venv-peers/.ready ## our network beside those of other tools, installed apart
	$(BIN)/python benchmarks/peers.py --python .venv-peers/bin/python

gallery: .venv/.ready ## contact sheets of every real scene: DATA=folder MODEL=name or file
	$(BIN)/python benchmarks/gallery.py --data $(DATA) $(if $(MODEL),--model $(MODEL)) -o build/gallery

check: .venv/.ready ## what is slow and seldom: full-size tests, the wheel, other Pythons
	$(BIN)/python -m pytest -m slow
	PYTHON=$(PYTHON) sh tools/check_wheel.sh
	sh tools/check_pythons.sh

clean: ## remove what the targets made
	rm -rf .venv .venv-demo .venv-peers demo dist build
