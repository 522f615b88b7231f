"""One file a data set: the products that it needs and the record that holds its labels.

A data set is a module with `PRODUCTS`, `OLD_NAMES`, `RECORD` (at Zenodo) and `LABELS` (the folder that the
labels go to). The folder is the registry.
"""
