"""Everything that can be chosen by name: kind -> name -> "module:attribute".

Strings, so that a list of names costs no import of torch. An outside package adds to a kind through
the entry-point group "geoloupe.<kind>"; it cannot replace a name of ours.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from geoloupe.errors import InputError

CATALOG: dict[str, dict[str, str]] = {
    "dataset": {
        "aid": "geoloupe.datasets.aid:AID",
        "cave": "geoloupe.datasets.cave:CAVE",
        "chikusei": "geoloupe.datasets.airborne:CHIKUSEI",
        "colosseum": "geoloupe.datasets.colosseum:COLOSSEUM",
        "cubes": "geoloupe.datasets.mat_folder:CUBES",
        "folder": "geoloupe.datasets.raster_folder:FOLDER",
        "harvard": "geoloupe.datasets.harvard:HARVARD",
        "landsat7": "geoloupe.datasets.landsat7:LANDSAT7",
        "nwpu": "geoloupe.datasets.nwpu:NWPU",
        "pairs": "geoloupe.datasets.raster_pairs:PAIRS",
        "pavia": "geoloupe.datasets.airborne:PAVIA",
        "ucmerced": "geoloupe.datasets.ucmerced:UCMERCED",
    },
    "degradation": {
        "aerial": "geoloupe.degradations.per_sensor:AERIAL",
        "bd": "geoloupe.degradations.recipes:BD",
        "bi": "geoloupe.degradations.recipes:BI",
        "box": "geoloupe.degradations.recipes:BOX",
        "dn": "geoloupe.degradations.recipes:DN",
        "landsat-7": "geoloupe.degradations.per_sensor:LANDSAT_7",
        "landsat-8": "geoloupe.degradations.per_sensor:LANDSAT_8",
        "landsat-9": "geoloupe.degradations.per_sensor:LANDSAT_9",
        "mtf": "geoloupe.degradations.recipes:MTF",
        "mtf-quickbird": "geoloupe.degradations.recipes:MTF_QUICKBIRD",
        "mtf-worldview-2": "geoloupe.degradations.recipes:MTF_WORLDVIEW_2",
        "mtf-worldview-3": "geoloupe.degradations.recipes:MTF_WORLDVIEW_3",
        "mulsr-test": "geoloupe.degradations.recipes:MULSR_TEST",
        "mulsr-test-paper": "geoloupe.degradations.recipes:MULSR_TEST_PAPER",
        "mulsr-train": "geoloupe.degradations.recipes:MULSR_TRAIN",
        "quickbird": "geoloupe.degradations.per_sensor:QUICKBIRD",
        "satellite": "geoloupe.degradations.per_sensor:SATELLITE",
        "sensors": "geoloupe.degradations.recipes:SENSORS",
        "sentinel-2": "geoloupe.degradations.per_sensor:SENTINEL_2",
        "worldview-2": "geoloupe.degradations.per_sensor:WORLDVIEW_2",
        "worldview-3": "geoloupe.degradations.per_sensor:WORLDVIEW_3",
    },
    "metric": {
        "cc": "geoloupe.metrics.metric:CC",
        "ergas": "geoloupe.metrics.metric:ERGAS",
        "mae": "geoloupe.metrics.metric:MAE",
        "mpsnr": "geoloupe.metrics.metric:MEAN_PSNR",
        "ndvi-error": "geoloupe.metrics.metric:NDVI_ERROR",
        "ndwi-error": "geoloupe.metrics.metric:NDWI_ERROR",
        "psnr": "geoloupe.metrics.metric:PSNR",
        "q2n": "geoloupe.metrics.metric:Q2N",
        "rmse": "geoloupe.metrics.metric:RMSE",
        "sam": "geoloupe.metrics.metric:SAM",
        "sam-forgiving": "geoloupe.metrics.metric:SAM_FORGIVING",
        "sam-lit": "geoloupe.metrics.metric:SAM_LIT",
        "scc": "geoloupe.metrics.metric:SCC",
        "sid": "geoloupe.metrics.metric:SID",
        "sre": "geoloupe.metrics.metric:SRE",
        "ssim": "geoloupe.metrics.metric:SSIM",
        "ssim-uniform": "geoloupe.metrics.metric:SSIM_UNIFORM",
        "uiqi": "geoloupe.metrics.metric:UIQI",
    },
    "network": {
        "bicubic": "geoloupe.networks.bicubic:Bicubic",
        "convformersr": "geoloupe.networks.convformersr:ConvFormerSR",
        "dcm": "geoloupe.networks.dcm:DCM",
        "edsr": "geoloupe.networks.edsr:EDSR",
        "hsenet": "geoloupe.networks.hsenet:HSENet",
        "lgcnet": "geoloupe.networks.lgcnet:LGCNet",
        "loupe": "geoloupe.networks.loupe:Loupe",
        "mulsr": "geoloupe.networks.mulsr:MulSR",
        "nearest": "geoloupe.networks.nearest:Nearest",
        "srcnn": "geoloupe.networks.srcnn:SRCNN",
        "sspsr": "geoloupe.networks.sspsr:SSPSR",
        "tsfnet": "geoloupe.networks.tsfnet:TSFNet",
        "vdsr": "geoloupe.networks.vdsr:VDSR",
    },
    "protocol": {
        "hsenet": "geoloupe.metrics.protocols:HSENET",
        "mulsr": "geoloupe.metrics.protocols:MULSR",
        "sspsr": "geoloupe.metrics.protocols:SSPSR",
        "tsfnet": "geoloupe.metrics.protocols:TSFNET",
        "wald": "geoloupe.metrics.protocols:WALD",
        "y-channel": "geoloupe.metrics.protocols:Y_CHANNEL",
    },
}


@cache
def targets(kind: str) -> dict[str, str]:
    """Map the names of a kind, plug-ins included, to their "module:attribute"."""
    plugins = {entry.name: entry.value for entry in entry_points(group=f"geoloupe.{kind}")}
    return plugins | CATALOG[kind]


def names(kind: str) -> list[str]:
    """List the names of a kind in order."""
    return sorted(targets(kind))


def resolve(kind: str, name: str) -> object:
    """Import what a name stands for; an unknown name is an InputError with the nearest one."""
    known = targets(kind)
    if name not in known:
        raise InputError.unknown(kind, name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
