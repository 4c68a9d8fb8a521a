"""How all tests run."""

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch


def pytest_configure() -> None:
    """Give one thread to all that is started from here, the processes that share the tests first.

    Those of OpenBLAS wait by turning in circles, which takes the processor from the other process.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Run on one thread: sharing work this small out costs many times what it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


STAND_IN = Path(__file__).parent / "stand_in"


@pytest.fixture
def spandrel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put the stand-in in place of the package spandrel, here and in processes started here."""
    monkeypatch.syspath_prepend(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN), prepend=os.pathsep)
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    yield import_module("spandrel")
    sys.modules.pop("spandrel", None)
