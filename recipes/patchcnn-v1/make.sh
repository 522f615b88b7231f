#!/bin/sh
# Labels, training and figures of patchcnn-v1: make.sh DATA WORK
set -eu
here=$(dirname "$0")
data=$1
work=$2
python "$here/make_labels.py" --data "$data" -o "$work"
cp "$here/config.toml" "$work/config.toml"
unclouded train "$work/config.toml" -o "$work/model"
python "$here/measure.py" "$work"
