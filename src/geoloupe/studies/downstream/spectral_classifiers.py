"""Classifiers of spectra, and bands worth having; scikit-learn comes with the extra `studies`."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from geoloupe.errors import InputError

Spectra = NDArray[np.float64]  # (N,B)
Labels = NDArray[np.int64]  # (N,)

METHODS = ("nearest neighbours", "support vectors")
_SAMPLE = 20_000  # spectra that clusters are made of
_SVM_PENALTY = 100.0  # of spectra on the wrong side of a margin


@contextmanager
def needing_sklearn() -> Iterator[None]:
    """Turn a missing scikit-learn into a sentence."""
    try:
        yield
    except ImportError:
        raise InputError(
            "this study needs more packages: pip install 'geoloupe[studies]'"
        ) from None


def cluster(spectra: Spectra, count: int, seed: int) -> Labels:
    """Return the cluster of each spectrum, by k-means of a sample of them."""
    with needing_sklearn():
        from sklearn.cluster import KMeans
    rng = np.random.default_rng(seed)
    sample = spectra[rng.permutation(len(spectra))[:_SAMPLE]]
    found = KMeans(count, n_init=1, random_state=seed).fit(sample)
    return np.asarray(found.predict(spectra), np.int64)


def vote(known: Spectra, labels: Labels, spectra: Spectra, *, count: int) -> Labels:
    """Return the labels of spectra by the vote of their nearest known ones."""
    with needing_sklearn():
        from sklearn.neighbors import KNeighborsClassifier
    nearest = KNeighborsClassifier(min(count, len(known))).fit(known, labels)
    return np.asarray(nearest.predict(spectra), np.int64)


def separate(known: Spectra, labels: Labels, spectra: Spectra) -> Labels:
    """Return the labels of spectra by a support vector machine with a Gaussian kernel."""
    with needing_sklearn():
        from sklearn.svm import SVC
    machine = SVC(C=_SVM_PENALTY, gamma="scale").fit(known, labels)
    return np.asarray(machine.predict(spectra), np.int64)


def agreement(truth: Labels, names: Labels) -> tuple[float, float, float]:
    """Return overall accuracy, the mean accuracy of classes, and Cohen's kappa."""
    with needing_sklearn():
        from sklearn.metrics import accuracy_score, cohen_kappa_score, recall_score
    average = recall_score(truth, names, average="macro", labels=np.unique(truth))
    kappa = float(np.nan_to_num(cohen_kappa_score(truth, names), nan=1.0))  # one class, all right
    return float(accuracy_score(truth, names)), float(average), kappa


def ranked_bands(spectra: Spectra) -> Labels:
    """Return bands in the order in which each adds most to those before: QR with pivoting."""
    some = spectra[:: max(len(spectra) // 2000, 1)]
    *_, order = qr(some - some.mean(axis=0), mode="r", pivoting=True)
    return np.asarray(order, np.int64)
