"""Every error that unclouded raises on purpose.

UncloudedError                 exit code
├── OptionError                2  an option that cannot be honoured
├── InputError                 3  what was given cannot be used
│   ├── ProductError              not a product, or its metadata are broken
│   ├── RasterError               pixels that cannot be read
│   ├── RadiometryError           reflectance cannot be derived, or contradicts itself
│   ├── BandError                 a band that is not there
│   ├── LevelError                a model given the wrong processing level
│   ├── GridError                 rasters whose grids differ
│   ├── LabelError                codes that a legend does not know
│   ├── PairError                 predictions and references that cannot be joined
│   ├── ModelError                a model file that is not ours, or is damaged
│   └── OutputError               a result that cannot be written
├── ScenesFailedError          4  some scenes failed, the rest are done
└── ServiceError               5  a service or credentials failed
    ├── UnknownProductError       a service does not have it
    └── OfflineError              a product that must be brought back from an archive first

A message is one line of four parts: where, expected, found, what to do. The command line prints it
and leaves with the code; nothing else catches these errors.
"""

from typing import ClassVar


class UncloudedError(Exception):
    """Base of all errors that a user can do something about."""

    exit_code: ClassVar[int] = 1


class OptionError(UncloudedError, ValueError):
    """An option or argument that cannot be honoured."""

    exit_code = 2


class InputError(UncloudedError):
    """Something given to unclouded cannot be used."""

    exit_code = 3


class ProductError(InputError, ValueError):
    """Not a product, or a product whose metadata are missing or malformed."""


class RasterError(InputError, OSError):
    """Pixels that cannot be read: truncated, empty, of an unexpected kind."""


class RadiometryError(InputError, ValueError):
    """Reflectance cannot be derived from the numbers, or they contradict what was stated."""


class BandError(InputError, LookupError):
    """A band is asked for that the source lacks."""


class LevelError(InputError, ValueError):
    """A model is given a processing level that it was not made for."""


class GridError(InputError, ValueError):
    """Rasters that must share a grid do not."""


class LabelError(InputError, ValueError):
    """A label raster holds codes that its legend does not know."""


class PairError(InputError, LookupError):
    """Predictions and references that cannot be joined by scene."""


class ModelError(InputError, ValueError):
    """A model file that unclouded did not make, or that is damaged."""


class OutputError(InputError, OSError):
    """A result cannot be written where it was asked for."""


class ScenesFailedError(UncloudedError, RuntimeError):
    """Some scenes failed; the rest are done and written."""

    exit_code = 4


class ServiceError(UncloudedError, OSError):
    """A service or its credentials failed."""

    exit_code = 5


class UnknownProductError(ServiceError, LookupError):
    """A product that the service does not have."""


class OfflineError(ServiceError):
    """A product that the service must bring back from its long-term archive first."""
