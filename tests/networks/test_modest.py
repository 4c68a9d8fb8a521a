"""What others build of a file is no larger than the file, and is refused before it is there."""

import pytest
import torch
from torch import nn

from geoloupe.errors import InputError
from geoloupe.networks.modest import SPARE, Modest, refuse_gaps

TOO_LARGE = "far larger than the file"


def test_a_network_of_the_files_size_is_built() -> None:
    with Modest(2**25):
        layer = nn.Linear(2**12, 2**12)  # 2**24 numbers
        table = torch.arange(2**10)[:, None] - torch.arange(2**10)[None]
        assert float(torch.linspace(0, 1, 3)[1].item()) == 0.5
    assert (layer.weight.numel(), table.numel()) == (2**24, 2**20)
    assert layer.weight.std() > 0


def test_one_tensor_is_refused_before_there_is_memory_for_it() -> None:
    with pytest.raises(InputError, match=TOO_LARGE), Modest(1000):
        nn.Linear(2**30, 2**30)  # four million terabytes


def test_many_tensors_are_refused_together() -> None:
    made: list[torch.Tensor] = []
    with pytest.raises(InputError, match=TOO_LARGE), Modest(0):
        made.extend(torch.empty(SPARE // 8) for _ in range(20))
    assert len(made) == 8


@pytest.mark.parametrize("numbers", [0, SPARE])
def test_what_is_computed_of_small_tensors_counts(numbers: int) -> None:
    row = torch.arange(2**15)
    with pytest.raises(InputError, match=TOO_LARGE), Modest(numbers):
        _ = row[:, None] - row[None]  # 2**30


def test_layers_far_beyond_the_tensors_are_refused() -> None:
    state = {f"layers.{n}.weight": torch.ones(1) for n in range(0, 40, 4)}
    refuse_gaps(state)
    refuse_gaps(state | {"layers.200.weight": torch.ones(1)})
    for number in ("1000", "9" * 5000):
        with pytest.raises(InputError, match=f"numbers a layer {number[:12]}, but holds only 11"):
            refuse_gaps(state | {f"layers.{number}.weight": torch.ones(1)})
