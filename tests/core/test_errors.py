import inspect

import pytest

from unclouded.core import errors
from unclouded.core.errors import InputError, UncloudedError

ALL = [item for _, item in inspect.getmembers(errors, inspect.isclass) if issubclass(item, UncloudedError)]
LEAVES = [item for item in ALL if item not in {UncloudedError, InputError}]


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_is_also_one_that_python_knows(error):
    assert issubclass(error, (ValueError, LookupError, OSError, RuntimeError))


@pytest.mark.parametrize("error", ALL)
def test_every_error_stands_in_the_tree_with_its_exit_code(error):
    lines = [line for line in errors.__doc__.splitlines() if f" {error.__name__} " in f" {line} "]
    assert len(lines) == 1, f"{error.__name__} is missing from the tree"
    stated = [int(word) for word in lines[0].split() if word.isdigit()]
    assert stated in ([error.exit_code], []), lines[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.OptionError, 2),
        (errors.ProductError, 3),
        (errors.GridError, 3),
        (errors.PairError, 3),
        (errors.OutputError, 3),
        (errors.ScenesFailedError, 4),
        (errors.ServiceError, 5),
        (UncloudedError, 1),
    ],
)
def test_exit_codes_are_those_that_the_help_promises(error, code):
    assert error.exit_code == code


@pytest.mark.parametrize("error", LEAVES)
def test_a_message_comes_out_as_it_went_in(error):
    assert str(error("mask.tif: one line")) == "mask.tif: one line"
