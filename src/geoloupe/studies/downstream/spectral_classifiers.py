"""Spectra told apart: clusters, nearest neighbours, a kernel machine, and bands worth having."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, qr

Spectra = NDArray[np.float64]  # (N,B)
Labels = NDArray[np.int64]  # (N,)

_ROUNDS = 50
_PENALTY = 1e-2  # on large weights, so that noise is not learned
_CHUNK = 2048  # spectra whose distances are in memory at a time
_SAMPLE = 20_000


def cluster(spectra: Spectra, count: int, rng: np.random.Generator) -> Labels:
    """Sort spectra into clusters by k-means, begun far apart; labels are 0 to count - 1."""
    some = spectra[rng.permutation(len(spectra))[:_SAMPLE]]
    centres = some[:1]
    for _ in range(1, count):
        far = _squared(some, centres).min(axis=1)
        weights = far / far.sum() if far.sum() > 0 else None
        centres = np.concatenate([centres, some[rng.choice(len(some), 1, p=weights)]])
    for _ in range(_ROUNDS):
        found = _nearest(some, centres)
        moved = np.stack(
            [
                some[found == n].mean(axis=0) if (found == n).any() else centres[n]
                for n in range(count)
            ]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return _nearest(spectra, centres)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The vote of the nearest known spectra."""

    spectra: Spectra
    labels: Labels
    count: int

    def name(self, spectra: Spectra) -> Labels:
        """Label spectra (N,B)."""
        found = np.empty(len(spectra), np.int64)
        for start in range(0, len(spectra), _CHUNK):
            part = slice(start, start + _CHUNK)
            distances = _squared(spectra[part], self.spectra)
            near = np.argpartition(distances, self.count - 1, axis=1)[:, : self.count]
            votes = np.zeros((len(near), int(self.labels.max()) + 1))
            for column in near.T:
                votes[np.arange(len(near)), self.labels[column]] += 1
            found[part] = votes.argmax(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class KernelMachine:
    """A least-squares support vector machine with a Gaussian kernel, one class against the rest.

    Suykens & Vandewalle, Neural Processing Letters 1999: equations in place of a quadratic program.
    """

    spectra: Spectra
    weights: NDArray[np.float64]  # (N,classes)
    width: float

    @classmethod
    def trained(cls, spectra: Spectra, labels: Labels) -> Self:
        """Learn; the kernel is as wide as spectra are commonly apart."""
        distances = _squared(spectra, spectra)
        width = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
        kernel = np.exp(-distances / width) + _PENALTY * np.eye(len(spectra))
        targets = np.where(labels[:, None] == np.arange(labels.max() + 1), 1.0, -1.0)
        weights: Any = cho_solve(cho_factor(kernel), targets)
        return cls(spectra, weights, width)

    def name(self, spectra: Spectra) -> Labels:
        """Label spectra (N,B)."""
        found = [
            np.exp(-_squared(spectra[start : start + _CHUNK], self.spectra) / self.width)
            @ self.weights
            for start in range(0, len(spectra), _CHUNK)
        ]
        labels: Labels = np.concatenate(found).argmax(axis=1)
        return labels


def ranked_bands(spectra: Spectra) -> Labels:
    """Order bands so that each adds the most to those before it: QR with column pivoting."""
    some = spectra[:: max(len(spectra) // 2000, 1)]
    *_, order = qr(some - some.mean(axis=0), mode="r", pivoting=True)
    found: Labels = np.asarray(order, np.int64)
    return found


def _nearest(spectra: Spectra, centres: Spectra) -> Labels:
    labels: Labels = np.concatenate(
        [
            _squared(spectra[start : start + _CHUNK], centres).argmin(axis=1)
            for start in range(0, len(spectra), _CHUNK)
        ]
    )
    return labels


def _squared(one: Spectra, other: Spectra) -> Spectra:
    """Return squared distances (N,M)."""
    found = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    return np.maximum(found, 0)
