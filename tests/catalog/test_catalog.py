"""The room as a whole: what it loads, and what every provider and data set is."""

import json
import subprocess
import sys

import pytest

from unclouded.catalog import DEFAULTS, Credentials, Login, Secret, dataset_names, provider_names
from unclouded.catalog._records import Context
from unclouded.core.registry import find

providers = pytest.mark.parametrize("name", provider_names())


def test_it_loads_no_pixels_no_object_store_and_no_client_library():
    program = "import json, sys, unclouded.catalog; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"rasterio", "numpy", "onnxruntime", "torch", "obstore", "requests", "pystac", "yaml", "rich"}
    assert not heavy & set(json.loads(done.stdout))


@pytest.fixture
def context():
    login = Login(name="key", secret=Secret("hush"))
    return Context(endpoints=dict(DEFAULTS), credentials=Credentials(cdse=login, cdse_s3=login, aws=login))


@providers
def test_opening_a_provider_asks_nothing(name, context):
    """Sockets are shut here: a connection would be an error."""
    provider = find("unclouded.catalog.providers", name).open_provider(context)
    assert 1 <= provider.connections <= 8
    assert callable(provider.opener)
    assert callable(provider.search)
    assert callable(provider.deliver)


@providers
def test_help_names_every_provider(name):
    from unclouded.cli import download

    (option,) = [item for item in download.command.params if item.name == "provider"]
    assert name in option.help


@pytest.mark.parametrize("name", dataset_names())
def test_a_data_set_is_products_and_a_record(name):
    dataset = find("unclouded.catalog.datasets", name)
    assert len(set(dataset.PRODUCTS)) == len(dataset.PRODUCTS)
    assert set(dataset.OLD_NAMES.values()) <= set(dataset.PRODUCTS)
    assert dataset.RECORD.isdecimal()


def test_help_names_every_data_set():
    from unclouded.cli import download

    (option,) = [item for item in download.command.params if item.name == "dataset"]
    assert all(name in option.help for name in dataset_names())
