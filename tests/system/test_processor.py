"""What a processor multiplies itself, asked of PyTorch, which on some systems does not know."""

import pytest
import torch

from geoloupe.system.processor import multiplies_bf16

ASKED = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


@pytest.mark.parametrize("able", [None, *ASKED])
def test_either_kind_of_instruction_is_enough(
    able: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ASKED:
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == able, raising=False)
    assert multiplies_bf16.__wrapped__() is (able is not None)


def test_a_build_that_cannot_be_asked_multiplies_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ASKED:
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert multiplies_bf16.__wrapped__() is False
