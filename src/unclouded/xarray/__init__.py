"""Cubes: `import unclouded.xarray` gives every Dataset and DataArray `.unclouded`, lazy where the cube is.

Needs the extra `xarray`. Without dask a cube is masked at once, with it chunk by chunk when it is computed.
"""

from unclouded.core.errors import OptionError

try:
    import xarray
except ImportError:
    raise OptionError("cubes need xarray: pip install 'unclouded[xarray]'") from None

from unclouded.xarray._accessor import Unclouded

__all__ = ["Unclouded"]

for _register in (xarray.register_dataset_accessor, xarray.register_dataarray_accessor):
    _register("unclouded")(Unclouded)  # type: ignore[no-untyped-call] # xarray leaves them untyped
