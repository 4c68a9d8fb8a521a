"""The loss of JPEG without its bytes: what a baseline encoder throws away of an 8-bit image.

Entropy coding loses nothing, so quantising the cosine transform of 8 x 8 blocks is all of it. Three
bands are taken for red, green and blue, with colour at half the resolution; others are each coded
as brightness.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

from geoloupe.imagery.resize import imresize

Values = NDArray[np.float64]

# The tables that ITU-T T.81, Annex K gives as examples and nearly every encoder uses.
_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA = np.array(
    [
        [17, 18, 24, 47, 99, 99, 99, 99],
        [18, 21, 26, 66, 99, 99, 99, 99],
        [24, 26, 56, 99, 99, 99, 99, 99],
        [47, 66, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
    ]
)
# JFIF: red, green, blue -> brightness and two colour differences.
_TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168735892, -0.331264108, 0.5],
        [0.5, -0.418687589, -0.081312411],
    ]
)
BLOCK = 16  # rows that are coded together when colour is halved


def compress(values: Values, quality: int) -> Values:
    """Lose what JPEG of this quality (1 to 100) loses of unit values (B,H,W)."""
    levels = np.rint(values.clip(0, 1) * 255) - 128
    if len(levels) != 3:
        return _levels(np.stack([_coded(band, _table(_LUMA, quality)) for band in levels]))
    luma, *colour = np.rint(np.einsum("ij,jhw->ihw", _TO_YCC, levels + 128))
    coded = [np.rint(_coded(luma - 128, _table(_LUMA, quality))) + 128]
    coded += [_coded_at_half(band, _table(_CHROMA, quality)) for band in colour]
    return _levels(np.einsum("ij,jhw->ihw", np.linalg.inv(_TO_YCC), np.stack(coded)) - 128)


def _levels(levels: Values) -> Values:
    return np.rint(levels + 128).clip(0, 255) / 255


def _table(table: NDArray[np.int64], quality: int) -> NDArray[np.int64]:
    """Scale a table as the Independent JPEG Group's encoder does."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((table * percent + 50) // 100).clip(1, 255)


def _coded(band: Values, table: NDArray[np.int64]) -> Values:
    """Quantise the cosine transform of (H,W), extended to whole blocks by its last pixels."""
    height, width = band.shape
    padded = np.pad(band, ((0, -height % 8), (0, -width % 8)), mode="edge")
    rows, columns = padded.shape[0] // 8, padded.shape[1] // 8
    blocks = padded.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    spectrum = dctn(blocks, axes=(2, 3), norm="ortho")
    blocks = idctn(np.rint(spectrum / table) * table, axes=(2, 3), norm="ortho")
    restored: Values = blocks.transpose(0, 2, 1, 3).reshape(padded.shape)[:height, :width]
    return restored


def _coded_at_half(band: Values, table: NDArray[np.int64]) -> Values:
    height, width = band.shape
    padded = np.pad(band, ((0, height % 2), (0, width % 2)), mode="edge")
    half = padded.reshape(padded.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    # Decoders smooth the colour while they enlarge it.
    full: Values = imresize(np.rint(_coded(np.rint(half), table)), 2, method="bilinear")
    return np.rint(full)[:height, :width]
