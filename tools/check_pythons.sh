#!/bin/sh
# The tests on the other Pythons that this machine has, without torch: what needs it skips by name.
set -eu
for version in 3.11 3.12 3.13; do
    python=python$version
    if ! "$python" -c '' 2>/dev/null; then
        echo "$python: not on this machine, not tested"
        continue
    fi
    scratch=$(mktemp -d)
    "$python" -m venv "$scratch"
    "$scratch/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
    "$scratch/bin/python" -m pytest -q -m 'not slow'
    rm -rf "$scratch"
done
