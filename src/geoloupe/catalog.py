"""Everything that can be chosen by name: kind -> name -> "module:attribute".

Strings, so that a list of names costs no import of torch. An outside package adds to a kind through
the entry-point group "geoloupe.<kind>"; it cannot replace a name of ours.
"""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from geoloupe.errors import InputError

CATALOG: dict[str, dict[str, str]] = {
    "adapter": {
        "zoo": "geoloupe.networks.zoo:Zoo",
    },
    "array": {
        "xarray": "geoloupe.scenes.arrays:upscale_array",
    },
    "dataset": {
        "aid": "geoloupe.datasets.sets.aid:AID",
        "aid900": "geoloupe.datasets.sets.basicrsisr:AID900",
        "cave": "geoloupe.datasets.sets.cave:CAVE",
        "chikusei": "geoloupe.datasets.sets.airborne:CHIKUSEI",
        "colosseum": "geoloupe.datasets.sets.colosseum:COLOSSEUM",
        "cubes": "geoloupe.datasets.sets.mat_folder:CUBES",
        "dior1000": "geoloupe.datasets.sets.basicrsisr:DIOR1000",
        "dota": "geoloupe.datasets.sets.basicrsisr:DOTA",
        "folder": "geoloupe.datasets.sets.raster_folder:FOLDER",
        "harvard": "geoloupe.datasets.sets.harvard:HARVARD",
        "landsat7": "geoloupe.datasets.sets.landsat7:LANDSAT7",
        "nwpu": "geoloupe.datasets.sets.nwpu:NWPU",
        "opensr-naip": "geoloupe.datasets.sets.opensr:NAIP",
        "opensr-spain-crops": "geoloupe.datasets.sets.opensr:SPAIN_CROPS",
        "opensr-spain-urban": "geoloupe.datasets.sets.opensr:SPAIN_URBAN",
        "opensr-spot": "geoloupe.datasets.sets.opensr:SPOT",
        "opensr-venus": "geoloupe.datasets.sets.opensr:VENUS",
        "pairs": "geoloupe.datasets.sets.raster_pairs:PAIRS",
        "pan": "geoloupe.datasets.sets.guided_pairs:PAN",
        "pavia": "geoloupe.datasets.sets.airborne:PAVIA",
        "s2": "geoloupe.datasets.sets.guided_pairs:S2",
        "ucmerced": "geoloupe.datasets.sets.ucmerced:UCMERCED",
    },
    "degradation": {
        "aerial": "geoloupe.degradations.per_sensor:AERIAL",
        "bd": "geoloupe.degradations.named:BD",
        "bi": "geoloupe.degradations.named:BI",
        "box": "geoloupe.degradations.named:BOX",
        "dn": "geoloupe.degradations.named:DN",
        "jpeg": "geoloupe.degradations.named:JPEG",
        "landsat-7": "geoloupe.degradations.per_sensor:LANDSAT_7",
        "landsat-8": "geoloupe.degradations.per_sensor:LANDSAT_8",
        "landsat-9": "geoloupe.degradations.per_sensor:LANDSAT_9",
        "mtf": "geoloupe.degradations.named:MTF",
        "mtf-quickbird": "geoloupe.degradations.named:MTF_QUICKBIRD",
        "mtf-worldview-2": "geoloupe.degradations.named:MTF_WORLDVIEW_2",
        "mtf-worldview-3": "geoloupe.degradations.named:MTF_WORLDVIEW_3",
        "mulsr-test": "geoloupe.degradations.named:MULSR_TEST",
        "mulsr-test-paper": "geoloupe.degradations.named:MULSR_TEST_PAPER",
        "mulsr-train": "geoloupe.degradations.named:MULSR_TRAIN",
        "noise": "geoloupe.degradations.named:NOISE",
        "quickbird": "geoloupe.degradations.per_sensor:QUICKBIRD",
        "satellite": "geoloupe.degradations.per_sensor:SATELLITE",
        "sensors": "geoloupe.degradations.named:SENSORS",
        "sensors-jpeg": "geoloupe.degradations.named:SENSORS_JPEG",
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
        "bicubic": "geoloupe.networks.baselines.bicubic:Bicubic",
        "convformersr": "geoloupe.networks.convformersr:ConvFormerSR",
        "dcm": "geoloupe.networks.baselines.dcm:DCM",
        "edsr": "geoloupe.networks.baselines.edsr:EDSR",
        "essaformer": "geoloupe.networks.baselines.essaformer:ESSAformer",
        "haunet": "geoloupe.networks.baselines.haunet:HAUNet",
        "hsenet": "geoloupe.networks.hsenet:HSENet",
        "lgcnet": "geoloupe.networks.baselines.lgcnet:LGCNet",
        "loupe": "geoloupe.networks.loupe:Loupe",
        "mulsr": "geoloupe.networks.mulsr:MulSR",
        "nearest": "geoloupe.networks.baselines.nearest:Nearest",
        "rcan": "geoloupe.networks.baselines.rcan:RCAN",
        "srcnn": "geoloupe.networks.baselines.srcnn:SRCNN",
        "sspsr": "geoloupe.networks.sspsr:SSPSR",
        "swinir": "geoloupe.networks.baselines.swinir:SwinIR",
        "transenet": "geoloupe.networks.baselines.transenet:TransENet",
        "tsfnet": "geoloupe.networks.tsfnet:TSFNet",
        "ttst": "geoloupe.networks.baselines.ttst:TTST",
        "vdsr": "geoloupe.networks.baselines.vdsr:VDSR",
    },
    "protocol": {
        "basicrsisr": "geoloupe.metrics.protocols:BASICRSISR",
        "hsenet": "geoloupe.metrics.protocols:HSENET",
        "mulsr": "geoloupe.metrics.protocols:MULSR",
        "opensr": "geoloupe.metrics.protocols:OPENSR",
        "sspsr": "geoloupe.metrics.protocols:SSPSR",
        "tsfnet": "geoloupe.metrics.protocols:TSFNET",
        "wald": "geoloupe.metrics.protocols:WALD",
        "y-channel": "geoloupe.metrics.protocols:Y_CHANNEL",
    },
    "sharpener": {
        "bdsd": "geoloupe.networks.sharpening.pansharpening:BDSD",
        "bicubic": "geoloupe.networks.sharpening.method:Interpolation",
        "brovey": "geoloupe.networks.sharpening.pansharpening:Brovey",
        "glp": "geoloupe.networks.sharpening.method:GLP",
        "gsa": "geoloupe.networks.sharpening.pansharpening:GSA",
    },
}


@cache
def targets(kind: str) -> dict[str, str]:
    """Map the names of a kind, including plug-ins, to their "module:attribute"."""
    plugins = {entry.name: entry.value for entry in entry_points(group=f"geoloupe.{kind}")}
    return plugins | CATALOG[kind]


def names(kind: str) -> list[str]:
    """List the names of a kind in order."""
    return sorted(targets(kind))


def resolve(kind: str, name: str) -> object:
    """Import what a name stands for; an unknown name is an InputError naming the nearest."""
    known = targets(kind)
    if name not in known:
        raise InputError.unknown(kind, name, known)
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
