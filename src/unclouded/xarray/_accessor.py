"""`.unclouded` of a cube."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from unclouded.jobs._scene import DEFAULT_MODEL
from unclouded.predict import Edge
from unclouded.xarray._clear import cleared, share_of
from unclouded.xarray._layout import Cube, Offset
from unclouded.xarray._mask import MaskRequest, mask_of


class Unclouded:
    """Clouds of a cube whose bands are named: variables of a Dataset, or a dimension of a DataArray.

    Dates, rows and columns in any order and any chunks. Nothing is computed before it is asked for where the
    cube is chunked by dask; else at once.
    """

    def __init__(self, cube: Cube) -> None:
        self._cube = cube

    def mask(
        self,
        *,
        model: str | Path = DEFAULT_MODEL,
        level: str | None = None,
        reflectance: bool = False,
        offset: Offset | None = None,
        quantification: float | None = None,
        sensor: str | None = None,
        edge: Edge = "reflect",
        window: int | None = None,
        allow_level_mismatch: bool = False,
    ) -> xr.DataArray:
        """Codes of the cube on its own grid, uint8 ([date,] y, x), 255 where a pixel was not seen.

        With CF's `flag_values`, `flag_meanings` and `flag_colors`, the cube's coordinates and grid mapping,
        and what made it. The same codes whatever the chunks.

        Args:
            model: name of a bundled model, or the path of an ONNX file made by unclouded.
            level: `L1C` or `L2A`, where the attribute `level` does not say.
            reflectance: the numbers are reflectance, 1.0 = 100 %.
            offset: of DN: what is added to them, one number or one a date: -1000 for Sentinel-2 from baseline
                04.00 on, 0 before. Not needed where attributes or xarray have scale and offset.
            quantification: of DN: what the sum is divided by, 10000 for Sentinel-2.
            sensor: `landsat-8` …, where the attribute `sensor` does not say; else Sentinel-2.
            edge: what the network sees past the cube's edge: the cube mirrored, or zero.
            window: pixels a side that the network is given at a time, and that blocks begin on multiples of;
                None: 512, or 256 for networks without a stride. Changes memory and time, not the mask.
            allow_level_mismatch: run a model on a level that it was not made for, or that is not stated.

        Raises:
            RadiometryError: neither the attributes nor the arguments say how numbers become reflectance.
            BandError: the model needs a band that the cube lacks, or two variables are the same band.
            LevelError: the model was made for another level, or none is stated.
            ProductError: no variable and no label that names a band, or dimensions besides date, y and x.
            GridError: coordinates that are no regular grid.
        """
        request = MaskRequest(
            model=model,
            level=level,
            reflectance=reflectance,
            offset=offset,
            quantification=quantification,
            sensor=sensor,
            edge=edge,
            window=window,
            allow_level_mismatch=allow_level_mismatch,
        )
        return mask_of(self._cube, request)

    def clear(
        self,
        mask: xr.DataArray | None = None,
        *,
        classes: Sequence[str] = ("cloud", "shadow"),
        buffer_m: float | Mapping[str, float] = 0.0,
    ) -> Cube:
        """The cube with NaN where it is not clear or was not seen; its numbers are otherwise as they were.

        Variables without date, y or x stay as they are.

        Args:
            mask: what `mask` gave; None: `mask()` of a cube that states its level and radiometry itself.
            classes: what is taken out: `cloud`, or `thick` and `thin` apart, `shadow`, `snow`.
            buffer_m: how far around it, m: one number for all of it, or one a class.

        Raises:
            OptionError: an unknown class, or a buffer in a cube whose spacing is not known.
            GridError: a mask of another cube.
        """
        return cleared(self._cube, self._mask(mask), classes=classes, buffer_m=buffer_m)

    def cloud_share(
        self, mask: xr.DataArray | None = None, *, classes: Sequence[str] = ("cloud",)
    ) -> xr.DataArray:
        """Share of the pixels seen that are cloud, 0 … 1, of each date; NaN where nothing was seen.

        Args:
            mask: as in `clear`.
            classes: what counts: `cloud`, or `thick` and `thin` apart, `shadow`, `snow`.

        Raises:
            OptionError: an unknown class.
        """
        return share_of(self._mask(mask), classes)

    def _mask(self, mask: xr.DataArray | None) -> xr.DataArray:
        return self.mask() if mask is None else mask
