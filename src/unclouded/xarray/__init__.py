"""Cubes: `import unclouded.xarray` gives each Dataset, DataArray and DataTree `.unclouded`, lazy as it is.

Needs the extra `xarray`. Without dask a cube is masked at once, with it chunk by chunk when it is computed.
"""

from unclouded.core.errors import OptionError

try:
    import xarray
except ImportError:
    raise OptionError("cubes need xarray: pip install 'unclouded[xarray]'") from None

from unclouded.xarray._accessor import Unclouded
from unclouded.xarray._tree import cube_of

__all__ = ["Unclouded"]


def _of_tree(tree: xarray.DataTree) -> Unclouded:
    """Of an EOPF product: of its bands, brought onto one grid."""
    return Unclouded(cube_of(tree))


for _register in (xarray.register_dataset_accessor, xarray.register_dataarray_accessor):
    _register("unclouded")(Unclouded)  # type: ignore[no-untyped-call] # xarray leaves them untyped
xarray.register_datatree_accessor("unclouded")(_of_tree)  # type: ignore[no-untyped-call] # as above
