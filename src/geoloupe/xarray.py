"""`import geoloupe.xarray` gives xarray's DataArrays and Datasets the accessor `.loupe`."""

from pathlib import Path
from typing import Any, Unpack

import xarray

from geoloupe.errors import InputError
from geoloupe.models.model import Model
from geoloupe.scenes.arrays import upscale_array
from geoloupe.scenes.options import ArrayOptions

__all__ = ["ArrayAccessor", "DatasetAccessor"]

_BAND = "band"


@xarray.register_dataarray_accessor("loupe")
class ArrayAccessor:
    """What geoloupe does to an array (y,x), (band,y,x) or (time,band,y,x)."""

    def __init__(self, array: xarray.DataArray) -> None:
        self._array = array

    def upscale(
        self,
        model: str | Path | Model | None = None,
        *,
        guide: xarray.DataArray | None = None,
        **options: Unpack[ArrayOptions],
    ) -> Any:
        """Enlarge it: see `geoloupe.upscale_array`.

        Args:
            model: A shipped model's name, weights, or a loaded model; by default, ours.
            guide: For models with a guide, of the result's size.
            **options: scale, bands, range, sensor, mtf and others.

        Returns:
            The enlarged array; of a Dask array a Dask array, not yet computed.

        Example:
            >>> import geoloupe.xarray, rioxarray
            >>> scene = rioxarray.open_rasterio("scene.tif", chunks=256)
            >>> scene.loupe.upscale("loupe-x2").sizes["x"] == 2 * scene.sizes["x"]
            True
        """
        return upscale_array(self._array, model=model, guide=guide, **options)


@xarray.register_dataset_accessor("loupe")
class DatasetAccessor:
    """What geoloupe does to a Dataset whose variables are the bands of one scene."""

    def __init__(self, dataset: xarray.Dataset) -> None:
        self._dataset = dataset

    def upscale(
        self, model: str | Path | Model | None = None, **options: Unpack[ArrayOptions]
    ) -> xarray.Dataset:
        """Enlarge all variables together, as the bands they are.

        Args:
            model: A shipped model's name, weights, or a loaded model; by default, ours.
            **options: scale, bands, range, sensor, mtf and others.

        Returns:
            A Dataset of the same variables, finer.
        """
        together = self._dataset.to_array(_BAND)
        if together.ndim != 3:
            raise InputError(
                f"the Dataset is {dict(together.sizes)}; its variables must be (y, x) each"
            )
        made = upscale_array(together, model=model, **options)
        if not isinstance(made, xarray.DataArray):
            raise InputError("a Dataset has no room for layers; leave out uncertainty and detail")
        fine = made.to_dataset(_BAND)
        for name, variable in fine.items():
            variable.attrs = dict(self._dataset[name].attrs)
        return fine.assign_attrs(self._dataset.attrs)
