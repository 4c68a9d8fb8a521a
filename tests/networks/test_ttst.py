"""The selective attention sees the largest scores alone, the overlapping one what lies around."""

import pytest
import torch

from geoloupe.networks.baselines.ttst import (
    OverlappingBlock,
    TTSTSettings,
    softmax_of_largest,
    wide_index,
)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_only_the_largest_scores_count(count: int) -> None:
    scores = torch.randn(2, 5, 7)
    floor = scores.sort(dim=-1, descending=True).values[..., count - 1 : count]
    expected = scores.masked_fill(scores < floor, -torch.inf).softmax(-1)
    torch.testing.assert_close(softmax_of_largest(scores, count), expected)


def test_pixels_equally_far_apart_share_a_row_of_the_table() -> None:
    window, wide = 4, 6
    index = wide_index(window, wide).view(window, window, wide, wide)
    assert sorted(index.unique().tolist()) == list(range((window + wide - 1) ** 2))
    assert index[1:, 1:, 1:, 1:].equal(index[:-1, :-1, :-1, :-1])


def test_a_window_sees_a_quarter_of_its_width_around_it() -> None:
    block = OverlappingBlock(TTSTSettings.tiny(), 2)
    x = torch.arange(8 * 12.0).view(1, 8, 12, 1).expand(1, 8, 12, 16)
    seen = block.around(x)[..., 0].view(2, 3, 2, 6, 6)
    assert seen[1, 1, 0].equal(torch.nn.functional.pad(x[0, 3:, 3:9, 0], (0, 0, 0, 1)))
