"""A Landsat folder or tar is a scene of its multispectral bands, with the factors of its level."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import geoloupe
from geoloupe.errors import InputError
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.scene_sensor import sensor_of

PLACE = Affine(30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0)
LEVEL1 = ("LEVEL1_RADIOMETRIC_RESCALING", "2.0000E-05", "-0.100000")
LEVEL2 = ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "2.75E-05", "-0.2")


def group(name: str, factor: str, addend: str) -> str:
    """Write the factors of all bands as the metadata do."""
    lines = [f"    REFLECTANCE_MULT_BAND_{n} = {factor}" for n in range(1, 8)]
    lines += [f"    REFLECTANCE_ADD_BAND_{n} = {addend}" for n in range(1, 8)]
    return "\n".join([f"  GROUP = {name}", *lines, f"  END_GROUP = {name}", ""])


def write(path: Path, values: Any, place: Affine) -> None:
    """Write a band (H,W)."""
    size = {"height": values.shape[0], "width": values.shape[1]}
    profile = {"driver": "GTiff", "count": 1, "dtype": values.dtype, "nodata": 0, **size}
    with rasterio.open(path, "w", crs="EPSG:32610", transform=place, **profile) as out:
        out.write(values, 1)


def product(root: Path, level: str, *, layers: dict[str, Any] | None = None) -> Path:
    """Write a small product of Collection 2, with layers (24,24) by their names."""
    name = f"LC08_{level}_044034_20170614_20200903_02_T1"
    folder = root / name
    folder.mkdir(parents=True)
    kind = "SR_" if level == "L2SP" else ""
    rng = np.random.default_rng(0)
    for number in (1, 2, 3, 4, 5, 6, 7):
        values = rng.integers(8000, 20_000, (24, 24)).astype(np.uint16)
        write(folder / f"{name}_{kind}B{number}.TIF", values, PLACE)
    if level == "L1TP":  # whose pixels begin half of one inside, as in all products
        inside = Affine(15.0, 0.0, 500_007.5, 0.0, -15.0, 3_999_992.5)
        values = rng.integers(8000, 20_000, (47, 47)).astype(np.uint16)
        write(folder / f"{name}_B8.TIF", values, inside)
    for layer, marks in (layers or {}).items():
        write(folder / f"{name}_{layer}.TIF", np.asarray(marks, np.uint16), PLACE)
    groups = (LEVEL2, LEVEL1) if level == "L2SP" else (LEVEL1,)
    text = "".join(group(*each) for each in groups)
    (folder / f"{name}_MTL.txt").write_text(f"GROUP = LANDSAT_METADATA_FILE\n{text}END\n")
    return folder


@pytest.mark.parametrize(
    ("level", "scale", "offset"), [("L1TP", 2e-5, -0.1), ("L2SP", 2.75e-5, -0.2)]
)
def test_its_bands_are_the_scene(level: str, scale: float, offset: float, tmp_path: Path) -> None:
    folder = product(tmp_path, level)
    with open_source(folder) as scene:
        assert [band.name.split()[0] for band in scene.bands] == [f"B{n}" for n in range(1, 8)]
        assert sensor_of(scene) is not None
        assert {band.scale for band in scene.facts.bands} == {scale}
        assert {band.offset for band in scene.facts.bands} == {offset}
        values = scene.read().values
    with rasterio.open(next(folder.glob("*B4.TIF"))) as file:
        assert np.array_equal(values[3], file.read(1))


def test_it_is_enlarged_with_its_factors(tmp_path: Path) -> None:
    folder = product(tmp_path, "L2SP")
    result = geoloupe.upscale(folder, bands="red,green,blue", model="bicubic", scale=2)
    assert result.path.parent == tmp_path
    with rasterio.open(result.path) as made:
        assert made.count == 3
        assert made.scales == pytest.approx((2.75e-5,) * 3)
        assert made.offsets == pytest.approx((-0.2,) * 3)
        assert made.transform.a == 15


def test_level_2_has_no_panchromatic_band_to_sharpen_by(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no panchromatic band \(B8\); Level-2 products"):
        geoloupe.sharpen(product(tmp_path, "L2SP"), tmp_path / "o.tif")


def packed(folder: Path, ending: str) -> Path:
    """Pack a product as it is delivered."""
    path = folder.parent / f"{folder.name}{ending}"
    with tarfile.open(path, "w:gz" if ending != ".tar" else "w") as archive:
        for item in sorted(folder.iterdir()):
            archive.add(item, item.name)
    return path


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz"])
def test_a_tar_is_the_folder_that_was_packed(tmp_path: Path, ending: str) -> None:
    folder = product(tmp_path, "L2SP")
    tar = packed(folder, ending)
    with open_source(folder) as one, open_source(tar) as two:
        assert (one.read().values == two.read().values).all()
        assert one.facts.bands == two.facts.bands
        assert sensor_of(two) is not None
        assert any(file.endswith(f"{ending}/{folder.name}_SR_B4.TIF") for file in two.files)
    made = geoloupe.upscale(tar, model="nearest", scale=2, bands="4")
    assert made.path == tmp_path / f"{folder.name}_x2.tif"
    with rasterio.open(made.path) as out, rasterio.open(folder / f"{folder.name}_SR_B4.TIF") as b4:
        assert (out.read(1)[::2, ::2] == b4.read(1)).all()


def test_a_tar_of_level_1_is_sharpened(tmp_path: Path) -> None:
    folder = product(tmp_path, "L1TP")
    options = {"model": "brovey", "bands": "red,green", "anyway": True}
    one, two = (
        geoloupe.sharpen(path, tmp_path / f"{number}.tif", **options)
        for number, path in enumerate((folder, packed(folder, ".tar")))
    )
    with rasterio.open(one.path) as folder_made, rasterio.open(two.path) as tar_made:
        assert folder_made.read(1).any()
        assert (folder_made.read() == tar_made.read()).all()


def test_a_stopped_job_on_a_tar_goes_on(tmp_path: Path) -> None:
    tar = packed(product(tmp_path, "L2SP"), ".tar")
    options = {"model": "bicubic", "scale": 2, "bands": "red"}
    geoloupe.upscale(tar, tmp_path / "o.tif", shard="1/2", **options)
    done = geoloupe.upscale(tar, tmp_path / "o.tif", shard="2/2", **options)
    assert done.complete or not done.pending


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """Describe a member that a stranger may have put in."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (entry("../LC08_X_B2.TIF"), "names a file outside of it, ../LC08_X_B2.TIF"),
        (entry("/etc/LC08_X_B2.TIF"), "names a file outside of it"),
        (entry("a/../../LC08_X_B2.TIF"), "names a file outside of it"),
        (entry("LC08_X_B2.TIF", tarfile.SYMTYPE, "/etc/passwd"), "is a link or the like"),
        (entry("LC08_X_B2.TIF", tarfile.LNKTYPE, "/etc/passwd"), "is a link or the like"),
        (entry("LC08_X_B2.TIF", tarfile.FIFOTYPE), "is a link or the like"),
    ],
)
def test_a_tar_that_leaves_itself_is_refused(
    tmp_path: Path, member: tarfile.TarInfo, message: str
) -> None:
    tar = packed(product(tmp_path, "L2SP"), ".tar")
    with tarfile.open(tar, "a") as archive:
        archive.addfile(member)
    with pytest.raises(InputError, match=message):
        open_source(tar)


def test_a_tar_with_a_file_twice_or_without_a_product_is_refused(tmp_path: Path) -> None:
    folder = product(tmp_path, "L2SP")
    tar = packed(folder, ".tar")
    first = next(folder.iterdir())
    with tarfile.open(tar, "a") as archive:
        archive.add(first, first.name)
    with pytest.raises(InputError, match=f"holds {first.name} several times"):
        open_source(tar)
    with tarfile.open(tmp_path / "notes.tar", "w") as archive:
        archive.addfile(entry("notes.txt"), io.BytesIO())
    with pytest.raises(InputError, match="holds no product of Landsat; unpack it"):
        open_source(tmp_path / "notes.tar")


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_a_tar_that_was_cut_short_is_said_to_be(tmp_path: Path, ending: str) -> None:
    tar = packed(product(tmp_path, "L2SP"), ending)
    tar.write_bytes(tar.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"is not a complete tar archive|holds no product"):
        open_source(tar)


def test_a_band_in_a_tar_that_is_no_tiff_is_refused(tmp_path: Path) -> None:
    folder = product(tmp_path, "L2SP")
    band = folder / f"{folder.name}_SR_B4.TIF"
    band.write_text('<VRTDataset rasterXSize="24" rasterYSize="24"></VRTDataset>')
    with pytest.raises(InputError, match="is a virtual raster under another name"):
        open_source(packed(folder, ".tar"))


def test_a_header_that_claims_gigabytes_does_not_take_them(tmp_path: Path) -> None:
    long = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    long.size = 2**33
    (tmp_path / "LC08_huge.tar").write_bytes(long.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(InputError, match="larger than any is"):
        open_source(tmp_path / "LC08_huge.tar")
