"""Checkpoints are read from both of PyTorch's formats and safetensors, and never trusted."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from geoloupe.errors import InputError
from geoloupe.models.checkpoint import read_checkpoint

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def zipped(content: Any) -> bytes:
    """Save as PyTorch does today."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def legacy(content: Any) -> bytes:
    """Save as PyTorch did before 1.6."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def rewritten(data: bytes, change: Callable[[str, bytes], bytes], **options: Any) -> bytes:
    """Copy a zip archive with other content in its parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", **options) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def claiming(data: bytes, numel: int) -> bytes:
    """Let the storage and the shape of four numbers claim to be more."""
    number = b"\x8a\x08" + struct.pack("<q", numel)  # LONG1
    assert data.count(b"K\x04") >= 2
    return data.replace(b"K\x04", number)


def refused(tmp_path: Path, data: bytes, message: str) -> None:
    """Expect one sentence that names the file."""
    path = tmp_path / "bad.pt"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_checkpoint(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("save", [zipped, legacy])
def test_both_formats_give_the_same_tensors(tmp_path: Path, save: Callable[[Any], bytes]) -> None:
    path = tmp_path / "weights.anything"
    path.write_bytes(
        save(
            {
                "params": OrderedDict(STATE),
                "epoch": 3,
                "optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}, "groups": [torch.ones(1)]},
                "parameter": torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16)),
            }
        )
    )
    content = read_checkpoint(path)
    assert content.keys() == {"params", "parameter"}
    assert all(torch.equal(content["params"][name], tensor) for name, tensor in STATE.items())
    assert content["parameter"].dtype == torch.bfloat16
    assert not content["parameter"].requires_grad


@pytest.mark.parametrize("padding", [0, 8, 0x4B50 // 8 * 8])
def test_safetensors_are_recognised_by_content(tmp_path: Path, padding: int) -> None:
    path = tmp_path / "weights.pth"
    save_file(STATE, path, {"note": "x" * padding})
    content = read_checkpoint(path)
    assert content.keys() == STATE.keys()
    assert all(torch.equal(content[name], tensor) for name, tensor in STATE.items())


def test_tensors_that_share_storage_are_fine(tmp_path: Path) -> None:
    whole = torch.arange(8.0)
    path = tmp_path / "tied.pt"
    torch.save({"a": whole, "b": whole[2:4], "c": whole.view(2, 4).T}, path)
    assert torch.equal(read_checkpoint(path)["c"], whole.view(2, 4).T)


def test_dictionaries_in_circles_and_depths_end(tmp_path: Path) -> None:
    path = tmp_path / "circle.pt"
    circle: dict[str, Any] = {"a": torch.ones(1)}
    circle["self"] = circle
    for _ in range(40):
        circle = {"x": circle, "y": circle}
    torch.save({"w": torch.ones(2), "circle": circle}, path)
    assert torch.equal(read_checkpoint(path)["w"], torch.ones(2))


class Innocent:
    """Anything that is not a tensor."""


class Runs:
    """What an attacker pickles: a call."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("save", [zipped, legacy, pickle.dumps])
def test_no_code_is_run(tmp_path: Path, save: Callable[[Any], bytes]) -> None:
    target = tmp_path / "touched"
    refused(tmp_path, save({"a": Runs(target)}), "bad.pt")
    assert not target.exists()


@pytest.mark.parametrize("save", [zipped, legacy])
def test_pickled_objects_are_named_with_the_way_out(
    tmp_path: Path, save: Callable[[Any], bytes]
) -> None:
    message = r"pickled \S*Innocent, and .* run code .* torch\.save\(model\.state_dict\(\)"
    refused(tmp_path, save({"net": Innocent()}), message)


@pytest.mark.parametrize("cut", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("save", [zipped, legacy])
def test_truncation(tmp_path: Path, save: Callable[[Any], bytes], cut: float) -> None:
    data = save(STATE)
    refused(tmp_path, data[: int(len(data) * cut)], "truncated or corrupt")


@pytest.mark.parametrize("cut", [12, 100, -1])
def test_truncated_safetensors(tmp_path: Path, cut: int) -> None:
    save_file(STATE, tmp_path / "whole")
    refused(tmp_path, (tmp_path / "whole").read_bytes()[:cut], "truncated")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"loss 0.1\nloss 0.2\n", "a text file"),
        (b"<!DOCTYPE html><title>Sign in</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"\x00" * 300, "neither a PyTorch checkpoint"),
        (b"\x93NUMPY\x01\x00", "neither a PyTorch checkpoint"),
        (b"PK\x03\x04 and nothing", "truncated or corrupt"),
        (struct.pack("<Q", 2**60) + b"{}", "neither"),
        (struct.pack("<Q", 0x4B50) + b"{}", "truncated or corrupt safetensors"),
        (struct.pack("<Q", 0x80) + b"{}", "truncated or corrupt safetensors"),
        (zipped([torch.ones(1)]), "holds a list, not tensors under names"),
        (zipped(torch.ones(1)), "holds a Tensor, not"),
        (zipped({"a": 1, "b": {"c": [1]}}), "holds no tensors"),
        (zipped({0: torch.ones(1)}), "holds no tensors"),
        (zipped({"a": torch.ones(2).to_sparse()}), "sparse"),
        (zipped({"a": torch.ones(2, device="meta")}), r"without data \(meta\)"),
        (zipped({"a": torch.ones(1).expand(10**6, 10**6)}), "repeats a few numbers"),
    ],
)
def test_what_is_no_checkpoint_is_recognised(tmp_path: Path, data: bytes, message: str) -> None:
    refused(tmp_path, data, message)


def test_zip_bombs_are_seen_before_they_are_unpacked(tmp_path: Path) -> None:
    data = zipped({"a": torch.zeros(2**20)})
    bomb = rewritten(data, lambda _, part: part, compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**16
    refused(tmp_path, bomb, "declares 4,.* bytes of content in a file of")
    noise = zipped({"a": torch.randn(2**10)})
    packed = rewritten(noise, lambda _, part: part, compression=zipfile.ZIP_BZIP2)
    refused(tmp_path, packed + bytes(2), "declares|compressed by a program other than")


def test_overlapping_parts_are_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a": torch.zeros(64), "b": torch.ones(64)}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        first, second = (archive.getinfo(f"archive/data/{i}") for i in (0, 1))
    entry = data.rindex(second.filename.encode()) - 46  # its record in the directory
    data[entry + 42 : entry + 46] = struct.pack("<I", first.header_offset)
    refused(tmp_path, bytes(data), "overlap")


def test_damaged_numbers_are_seen(tmp_path: Path) -> None:
    data = bytearray(zipped(STATE))
    place = data.index(STATE["a.weight"].numpy().tobytes())
    data[place + 1] ^= 1
    refused(tmp_path, bytes(data), r"truncated or corrupt \(Bad CRC-32 .*download it again")


def test_checksums_are_optional(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_checkpoint(tmp_path / "a.pt").keys() == STATE.keys()


def test_other_zip_archives(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights/model.pt", zipped(STATE))
    refused(tmp_path, buffer.getvalue(), "zip archive without a PyTorch checkpoint")
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("net/code/__torch__.py", "def f(): ...")
    refused(tmp_path, buffer.getvalue(), "TorchScript program, which holds code")


@pytest.mark.parametrize("numel", [5, 2**31, 2**45, 2**62, -1])
@pytest.mark.parametrize("save", [zipped, legacy])
def test_storages_cannot_claim_more_than_the_file_has(
    tmp_path: Path, save: Callable[[Any], bytes], numel: int
) -> None:
    data = save({"a": torch.ones(4)})
    if save is zipped:
        lying = rewritten(
            data,
            lambda name, part: claiming(part, numel) if name.endswith("data.pkl") else part,
        )
    else:
        lying = claiming(data, numel)
    refused(tmp_path, lying, "corrupt")


def test_unfilled_storage_is_refused_before_it_is_touched(tmp_path: Path) -> None:
    allocates = b"\x80\x02}X\x01\x00\x00\x00actorch\nFloatTensor\n\x8a\x08%s\x85Rs."
    pickled = allocates % struct.pack("<q", 2**32)
    data = rewritten(
        zipped(STATE), lambda name, part: pickled if name.endswith("data.pkl") else part
    )
    refused(tmp_path, data, "more numbers than")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(InputError, match="a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        read_checkpoint(Path("/dev/null"))
