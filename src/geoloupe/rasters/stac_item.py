"""What a STAC item says of its bands: their names, and how numbers become reflectance.

Nothing is guessed. The offset of Sentinel-2's newer products (baseline 04.00 and later) was taken
out of the numbers by some providers and left in by others; an item that does not say which is
refused until a person decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from geoloupe.errors import InputError

Json = Mapping[str, Any]

_SENTINEL2 = "sentinel-2"
_SCALE, _OFFSET = 0.0001, -0.1  # of Sentinel-2's numbers; the offset since this baseline
_BASELINE = 4.0
_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINES = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")
# Not reflectance, or no ground: heat, and a band that sees only clouds.
_LEFT_OUT = ("lwir", "cirrus")
_SHOWN = {"thumbnail", "overview", "visual", "metadata"}  # roles of assets for people
_FORMATS = (".tif", ".tiff", ".jp2")
_COMMAND = "geoloupe:command"  # among what items of ours say


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """Reflectance = scale * number + offset."""

    scale: float
    offset: float


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One band: where its file is, what it is called, and what its numbers mean."""

    key: str
    href: str
    name: str
    nm: float | None
    nodata: float | None
    meaning: Meaning | None  # None: as the file itself says


def bands_of(item: Json, name: str, *, offset: float | None) -> list[Asset]:
    """List the bands of an item, each once; a TIFF is taken before another format."""
    found: dict[str, Asset] = {}
    remote: list[str] = []
    for key, asset, band in _single(item):
        title = _title(key, band)
        href = str(asset["href"])
        if "://" in href and not href.lower().startswith(("http://", "https://")):
            remote.append(href)
            continue
        if title in found and not _is_tiff(href):
            continue
        raster = _raster(asset, band)
        found[title] = Asset(
            key=key,
            href=href,
            name=title,
            nm=_nm(band),
            nodata=_number(raster.get("nodata"), None),
            meaning=_meaning(item, raster, href, f"{name}: {key}", offset=offset),
        )
    if found:
        return list(found.values())
    if remote:
        raise InputError(
            f"{name}: its bands lie at {remote[0]}, and only http and https are read; name an item "
            "whose assets have such addresses"
        )
    raise InputError(
        f"{name}: no asset is a raster of one band with a common name or a wavelength; name the "
        "raster itself"
    )


def product_of(item: Json) -> str | None:
    """Return the file that an item which `upscale` or `sharpen` wrote describes; None of others."""
    data = item["assets"].get("data")
    href = data.get("href") if isinstance(data, Mapping) else None
    return href if _COMMAND in item["properties"] and isinstance(href, str) else None


def layer_of(item: Json, words: tuple[str, ...]) -> str | None:
    """Return the address of the asset of one of these keys, such as a layer of clouds."""
    for key, asset in _assets(item):
        if key.lower() in words:
            return str(asset["href"])
    return None


def tags_of(item: Json) -> dict[str, str]:
    """Return what tells the sensor, as a file's tags would."""
    said = {key: item["properties"].get(key) for key in ("platform", "instruments", "datetime")}
    texts = {
        key: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in said.items()
        if value
    }
    return {"id": str(item.get("id", "")), **texts}


def is_sentinel2(item: Json) -> bool:
    """Return whether an item is of Sentinel-2."""
    words = (item["properties"].get("platform"), item["properties"].get("constellation"))
    return any(str(w).lower().startswith(_SENTINEL2) for w in (*words, item.get("collection")))


def _assets(item: Json) -> Iterator[tuple[str, Json]]:
    for key, asset in item["assets"].items():
        if isinstance(asset, Mapping) and isinstance(asset.get("href"), str):
            yield key, asset


def _single(item: Json) -> Iterator[tuple[str, Json, Json]]:
    """List the assets that are one band of the ground, by STAC 1.0 (eo:bands) or 1.1 (bands)."""
    for key, asset in _assets(item):
        bands = asset.get("eo:bands") or asset.get("bands") or []
        roles = asset.get("roles") or []
        if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], Mapping):
            continue
        words = f"{key} {_common(bands[0])}".lower()
        shown = isinstance(roles, list) and _SHOWN & set(map(str, roles))
        raster = asset["href"].partition("?")[0].lower().endswith(_FORMATS)
        known = _common(bands[0]) or _nm(bands[0]) is not None
        if raster and known and not shown and not any(word in words for word in _LEFT_OUT):
            yield key, asset, bands[0]


def _is_tiff(href: str) -> bool:
    return href.partition("?")[0].lower().endswith((".tif", ".tiff"))


def _common(band: Json) -> str:
    return str(band.get("common_name") or band.get("eo:common_name") or "")


def _title(key: str, band: Json) -> str:
    """Name a band: as its sensor numbers it, and as all sensors share it."""
    words = dict.fromkeys((str(band.get("name") or key), _common(band)))
    return " ".join(word for word in words if word)


def _nm(band: Json) -> float | None:
    micrometres = _number(band.get("center_wavelength", band.get("eo:center_wavelength")), None)
    return None if micrometres is None else 1000 * micrometres


def _raster(asset: Json, band: Json) -> dict[str, Any]:
    """Return what an item says of stored numbers, in the words of STAC 1.0."""
    first = asset.get("raster:bands") or [{}]
    said = first[0] if isinstance(first, list) and isinstance(first[0], Mapping) else {}
    new = {
        key: place[word]
        for place in (asset, band)
        for key, word in (("scale", "raster:scale"), ("offset", "raster:offset"))
        if word in place
    }
    fill = band.get("nodata", asset.get("nodata"))
    return {"nodata": fill, **new, **said}


def _number(value: Any, default: float | None) -> float | None:
    if value is None or isinstance(value, bool):
        return default
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def _meaning(
    item: Json, raster: Json, href: str, label: str, *, offset: float | None
) -> Meaning | None:
    """Decide what a band's numbers mean; None where only its file can say."""
    scale, said = _number(raster.get("scale"), None), _number(raster.get("offset"), None)
    if scale == 0:
        raise InputError(f"{label}: its scale is 0, so its numbers mean nothing")
    if not is_sentinel2(item):
        if offset is not None:
            return Meaning(scale=1.0 if scale is None else scale, offset=offset)
        if scale is None and said is None:
            return None
        return Meaning(scale=1.0 if scale is None else scale, offset=said or 0.0)
    chosen = offset if offset is not None else _sentinel2_offset(item, said, href, label)
    return Meaning(scale=_SCALE if scale is None else scale, offset=chosen)


def _sentinel2_offset(item: Json, said: float | None, href: str, label: str) -> float:
    """Return what is to be added to Sentinel-2's reflectance, or refuse to guess."""
    properties = item["properties"]
    applied = next((properties[key] for key in _APPLIED if key in properties), None)
    baseline = next((_number(properties.get(k), None) for k in _BASELINES if k in properties), None)
    old = baseline is not None and baseline < _BASELINE
    if applied is True:  # in numbers that it was taken out of, whatever stands beside them
        return 0.0
    if old and said:
        raise InputError(
            f"{label}: says to add {said:g}, but products of baseline {baseline:05.2f} have no "
            f"offset; decide with offset={said:g} or offset=0"
        )
    if said is not None:
        return said
    if old:
        return 0.0
    # As ESA stores it, which no provider has changed.
    if baseline is not None and (applied is False or href.lower().endswith(".jp2")):
        return _OFFSET
    kind = "an unknown baseline" if baseline is None else f"baseline {baseline:05.2f}"
    raise InputError(
        f"{label}: of {kind}, and the item does not say whether its numbers still hold the offset "
        f"of 1000 that ESA adds since 04.00. Look at dark water: near 1000, offset={_OFFSET:g} is "
        "right; near 0, offset=0"
    )
