"""Attention in parts is attention at once, and scores below zero count as zero."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from geoloupe.networks.baselines import haunet


def at_once(query: Tensor, key: Tensor, value: Tensor, temperature: Tensor) -> Tensor:
    """Write the paper's formula without thought for memory."""
    scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
    return torch.softmax(torch.clamp(scores * temperature, min=0), dim=-1) @ value


@pytest.mark.parametrize("queries", [1, 5, 37, 100])
def test_any_number_of_queries_at_once(queries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haunet, "QUERIES_AT_ONCE", queries)
    q, k, v = torch.randn(2, 3, 37, 4), torch.randn(2, 3, 29, 4), torch.randn(2, 3, 29, 6)
    temperature = 5 * torch.rand(3, 1, 1)
    found = haunet.attend(q, k, v, temperature)
    torch.testing.assert_close(found, at_once(q, k, v, temperature))
