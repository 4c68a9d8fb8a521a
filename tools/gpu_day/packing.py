"""PreparedDataset data sets made small enough to travel, and unpacked again where they are needed.

Training pictures of 8 bits become JPEG 2000, all with the same error, as small a one as there is
room for; validation images and those of 16 bits are kept without loss. (At equal size plain JPEG of
aerial images is 3 dB worse on average, and 6 dB for the worst.) What is unpacked is a prepared data
set again.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from geoloupe.datasets.preparation.prepared import FACTS, INDEX, Entry, PreparedDataset

ARCHIVE = "images.zip"
_BEST, _WORST, _STEP = 50.0, 34.0, 0.5  # dB
_HEADS = 256  # bytes that an archive needs for a file, roughly
_EVERY = 8  # of how many images one is tried at first
_DECODERS = 16

Values = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What an archive holds, and how."""

    images: int
    size: int  # bytes
    quality: float  # PSNR of a training picture in dB


def pack(sets: Sequence[PreparedDataset], target: Path, *, room: int, validated: int) -> Packed:
    """Write the training images of sets, and the first so many of validation, into `room` bytes."""
    quality = _BEST
    for every in (_EVERY, 1):
        while quality > _WORST and _size(sets, quality, validated, every) > room:
            quality -= _STEP
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for data in sets:
            facts = dict(data.facts) | {"compressed": f"training images: JPEG 2000, {quality} dB"}
            archive.writestr(f"{data.folder.name}/{FACTS}", json.dumps(facts))
            lines = []
            for entry in _chosen(data, validated):
                values = _values(data, entry)
                line = {"id": entry.id, "label": entry.label, "split": entry.split}
                lines.append(line | {"kind": entry.parts["hr"].kind})
                name = f"{data.folder.name}/{len(lines) - 1:05}"
                archive.writestr(name, _encoded(values, _quality(entry, quality)))
            archive.writestr(f"{data.folder.name}/{INDEX}", json.dumps(lines))
            count += len(lines)
    return Packed(images=count, size=target.stat().st_size, quality=quality)


def _size(sets: Sequence[PreparedDataset], quality: float, validated: int, every: int) -> int:
    """Return how many bytes an archive would have, judged by some of its images."""
    return every * sum(
        _HEADS + len(_encoded(_values(data, entry), _quality(entry, quality)))
        for data in sets
        for entry in list(_chosen(data, validated))[::every]
    )


def _chosen(data: PreparedDataset, validated: int) -> Iterator[Entry]:
    yield from data.split("train")
    if "val" in data.counts:
        yield from data.split("val")[:validated]


def _values(data: PreparedDataset, entry: Entry) -> Values:
    """Read the pixels of a scene (H,W,B)."""
    return np.ascontiguousarray(data.image(entry).values.transpose(1, 2, 0))


def _quality(entry: Entry, quality: float) -> float | None:
    return quality if entry.split == "train" else None


def _encoded(values: Values, quality: float | None) -> bytes:
    """Write pixels (H,W,B) as JPEG 2000, or without loss as PNG, or as NumPy's own deflated."""
    buffer = io.BytesIO()
    if values.dtype != np.uint8 or values.shape[2] not in (1, 3):
        np.savez_compressed(buffer, values=values)
        return buffer.getvalue()
    picture = Image.fromarray(values if values.shape[2] == 3 else values[..., 0])
    if quality is None:
        picture.save(buffer, "PNG")
    else:
        lossy = {"irreversible": True, "mct": int(values.shape[2] == 3)}
        picture.save(buffer, "JPEG2000", quality_mode="dB", quality_layers=[quality], **lossy)
    return buffer.getvalue()


def _decoded(content: bytes) -> Values:
    if content[:2] == b"PK":
        with np.load(io.BytesIO(content)) as arrays:
            return arrays["values"]
    values = np.asarray(Image.open(io.BytesIO(content)))
    return values if values.ndim == 3 else values[..., None]


def unpack(archive: Path, home: Path) -> list[str]:
    """Write the prepared data sets of an archive below a folder, unless they are there already."""
    with zipfile.ZipFile(archive) as packed:
        names = [name.removesuffix(f"/{FACTS}") for name in packed.namelist() if FACTS in name]
        for name in names:
            if not (home / name / FACTS).is_file():
                _unpack_set(packed, name, home / name)
    return names


def _unpack_set(packed: zipfile.ZipFile, name: str, folder: Path) -> None:
    """Write one data set, what makes it whole last."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes: dict[str, int] = {}
    lines, counts = [], dict[str, int]()
    entries = json.loads(packed.read(f"{name}/{INDEX}"))
    contents = [packed.read(f"{name}/{place:05}") for place in range(len(entries))]
    with ThreadPoolExecutor(_DECODERS) as decoders:
        decoded = list(decoders.map(_decoded, contents))
    for entry, read in zip(entries, decoded, strict=True):
        values = np.ascontiguousarray(read)
        file = f"{entry['split']}.hr.raw"
        begun = sizes.get(file, 0)
        with (folder / file).open("ab" if begun else "wb") as out:
            out.write(values.tobytes())
        part = {"file": file, "offset": begun, "kind": entry.pop("kind")}
        part |= {"shape": values.shape, "crc": zlib.crc32(values.data)}
        lines.append(json.dumps(entry | {"parts": {"hr": part}}))
        sizes[file] = begun + values.nbytes
        counts[entry["split"]] = counts.get(entry["split"], 0) + 1
    index = "".join(f"{line}\n" for line in lines).encode()
    (folder / INDEX).write_bytes(index)
    facts = json.loads(packed.read(f"{name}/{FACTS}"))
    facts |= {"sizes": sizes, "counts": counts, "index_sha256": hashlib.sha256(index).hexdigest()}
    (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
