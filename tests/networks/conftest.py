"""How the tests of networks run."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Make the same fresh weights in every run, whatever ran before."""
    torch.manual_seed(0)
