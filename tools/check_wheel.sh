#!/bin/sh
# Build the wheel and the sdist, install the wheel alone, run its demo: what a newcomer gets.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${PYTHON:-python3}" -m venv "$scratch/build"
"$scratch/build/bin/python" -m pip install --quiet --disable-pip-version-check build
"$scratch/build/bin/python" -m build --outdir "$scratch/dist" . >/dev/null
for archive in "$scratch"/dist/*; do
    case $archive in
        *.whl) listing=$("$scratch/build/bin/python" -m zipfile -l "$archive") ;;
        *) listing=$(tar -tzf "$archive") ;;
    esac
    case $listing in
        *LICENSE*) ;;
        *) echo "$archive: expected LICENSE inside, found none" >&2; exit 1 ;;
    esac
done
"${PYTHON:-python3}" -m venv "$scratch/use"
"$scratch/use/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "$scratch"/dist/*.whl
cd "$scratch"
"$scratch/use/bin/unclouded" demo -o demo
