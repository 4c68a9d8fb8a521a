"""Protocols give what the published evaluation scripts gave."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import UNIT, Radiometry
from geoloupe.imagery.spectra import Band
from geoloupe.metrics.protocols import (
    BASICRSISR,
    HSENET,
    MULSR,
    OPENSR,
    SSPSR,
    TSFNET,
    WALD,
    Y_CHANNEL,
    Protocol,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "metrics.safetensors"
BYTE = Radiometry(dtype="uint8", high=(255.0,))
NAMES = {  # ours -> theirs
    "hsenet": {"psnr": "psnr_mean_of_channels", "ssim": "ssim"},
    "tsfnet": {"psnr": "psnr_joint", "ssim": "ssim"},
    "y-channel": {"psnr": "psnr", "ssim": "ssim"},
    "sspsr": {
        "psnr": "MPSNR",
        "ssim": "MSSIM",
        "ergas": "ERGAS",
        "sam": "SAM",
        "cc": "CrossCorrelation",
        "rmse": "RMSE",
    },
    "mulsr": {
        "psnr": "PSNR",
        "ssim": "SSIM",
        "sam": "SAM_degrees",
        "ergas": "ERGAS",
        "rmse": "RMSE",
    },
}
ALL = (HSENET, MULSR, SSPSR, TSFNET, Y_CHANNEL)


def pair(kind: str) -> tuple[Image, Image]:
    """Read the SR image and the truth of the golden pair "rgb" or "hsi"."""
    with safe_open(GOLDEN, "np") as file:
        arrays = [file.get_tensor(f"{kind}.{part}") for part in ("sr", "hr")]
    if kind == "hsi":
        sr, hr = (Image.of(array, radiometry=UNIT) for array in arrays)
    else:
        sr, hr = (
            Image.of(np.ascontiguousarray(array.transpose(2, 0, 1)), radiometry=BYTE)
            for array in arrays
        )
    return sr, hr


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_protocols_equal_the_published_scripts(protocol: Protocol) -> None:
    with safe_open(GOLDEN, "np") as file:
        published = json.loads(file.metadata()["values"])[protocol.name.replace("-", "_")]
    scores = protocol.score(*pair("hsi" if "ergas" in protocol.metrics else "rgb"), 4)
    assert set(scores) == set(NAMES[protocol.name])
    for ours, theirs in NAMES[protocol.name].items():
        room = 1e-5 if ours == "sam" else 1e-6
        assert scores[ours] == pytest.approx(published[theirs], rel=room), ours


def test_basicrsisr_is_luma_at_x4_alone() -> None:
    sr, hr = pair("rgb")
    assert BASICRSISR.score(sr, hr, 4) == Y_CHANNEL.score(sr, hr, 4)
    with pytest.raises(InputError, match="basicrsisr is for x4, not x2"):
        BASICRSISR.score(sr, hr, 2)


def test_models_are_ranked_by_a_score_of_which_more_is_better() -> None:
    assert [p.yardstick for p in (HSENET, SSPSR, WALD, OPENSR)] == [
        "psnr",
        "psnr",
        "sre",
        "improvement",
    ]
    assert "opensr-test" in OPENSR.describe()
    assert "opensr-test" not in WALD.describe()


def grey(level: float, bands: int = 3) -> Image:
    values = np.full((bands, 24, 24), level, np.float32)
    return Image.of(values, radiometry=UNIT)


def test_truncation_and_rounding_differ_and_keep_whole_levels() -> None:
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    whole = Image.of(np.tile(levels, (3, 20, 1)), radiometry=UNIT)
    exact = Image.of(np.tile(np.arange(256, dtype=np.uint8), (3, 20, 1)), radiometry=BYTE)
    for protocol in (HSENET, TSFNET):
        assert protocol.score(whole, exact, 2)["psnr"] == np.inf
    nearly = grey(100.9 / 255)
    assert HSENET.score(nearly, grey(100 / 255), 2)["psnr"] == np.inf
    assert TSFNET.score(nearly, grey(101 / 255), 2)["psnr"] == np.inf


def test_truncation_forgives_what_single_precision_loses() -> None:
    for level in range(1, 256):
        less = np.float32(level / 255)
        for _ in range(3):
            less = np.nextafter(less, np.float32(0))
        assert HSENET.score(grey(float(less)), grey(level / 255), 4)["psnr"] == np.inf


def test_clipping_is_the_protocols() -> None:
    assert MULSR.score(grey(1.5), grey(1.0), 4)["rmse"] == 0
    assert SSPSR.score(grey(1.5), grey(1.0), 4)["rmse"] == pytest.approx(0.5)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_the_border_of_the_factor_does_not_count(scale: int) -> None:
    sr = np.full((3, 40, 44), 0.5, np.float32)
    sr[:, :scale] = sr[:, -scale:] = sr[:, :, :scale] = 0
    sr[:, :, -scale:] = 0
    hr = Image.of(np.full_like(sr, 0.5), radiometry=UNIT)
    for protocol in (HSENET, TSFNET, Y_CHANNEL):
        assert protocol.score(Image.of(sr, radiometry=UNIT), hr, scale)["psnr"] == np.inf
    sr[:, scale] = 0
    assert np.isfinite(HSENET.score(Image.of(sr, radiometry=UNIT), hr, scale)["psnr"])


def test_luma_finds_the_colours_by_name() -> None:
    rng = np.random.default_rng(0)
    sr, hr = rng.random((2, 3, 24, 24)).astype(np.float32)
    expected = Y_CHANNEL.score(*(Image.of(x, radiometry=UNIT) for x in (sr, hr)), 2)
    bands = [Band(name) for name in ("blue", "nir", "red", "green")]
    shuffled = [
        Image.of(np.stack([x[2], 1 - x[0], x[0], x[1]]), radiometry=UNIT, bands=bands)
        for x in (sr, hr)
    ]
    assert Y_CHANNEL.score(*shuffled, 2) == expected
    with pytest.raises(InputError, match="needs red, green and blue"):
        Y_CHANNEL.score(grey(0.5, bands=4), grey(0.5, bands=4), 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match=r"24 x 24 pixels and 3 bands .* and 4 bands"):
        HSENET.score(grey(0.5), grey(0.5, bands=4), 2)
    with pytest.raises(InputError, match="nothing inside a border of 12"):
        HSENET.score(grey(0.5), grey(0.5), 12)


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_missing_pixels_do_not_count(protocol: Protocol) -> None:
    sr, hr = (image.in_unit() for image in pair("hsi" if "ergas" in protocol.metrics else "rgb"))
    values = sr.values.copy()
    values[:, 20:30, 30:41] = np.nan
    holed = Image.of(values, radiometry=UNIT)
    scores = protocol.score(holed, hr, 4)
    assert all(np.isfinite(score) for score in scores.values())
    truth = hr.values.copy()
    truth[:, 20:30, 30:41] = 0.123
    assert protocol.score(holed, Image.of(truth, radiometry=UNIT), 4) == scores
    assert scores != protocol.score(sr, hr, 4)


@pytest.mark.parametrize("protocol", ALL, ids=lambda protocol: protocol.name)
def test_descriptions_name_every_convention(protocol: Protocol) -> None:
    text = protocol.describe()
    for metric in protocol.metrics.values():
        assert metric.about in text
    assert ("truncated" in text) == (protocol.quantise == "truncate")
    assert ("cropped" in text and "no border" not in text) == (protocol.border == "scale")
