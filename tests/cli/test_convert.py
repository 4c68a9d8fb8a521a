"""`geoloupe convert`, run as people run it: what it makes, and one sentence for every bad file."""

import io
import json
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from geoloupe.imagery.image import Image
from geoloupe.imagery.radiometry import Radiometry
from geoloupe.models.model import load
from geoloupe.networks import network_class
from geoloupe.networks.published.name_table import published_name
from geoloupe.rasters.opening import open_source
from geoloupe.rasters.product import write_image
from tests.program import program


def convert(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    return program("convert", *words)


def published(name: str) -> dict[str, Tensor]:
    """Make small weights under the names of published files."""
    chosen = cast("Any", network_class(name))
    torch.manual_seed(2)
    network: nn.Module = chosen(chosen.Settings.tiny())
    state = network.state_dict()
    return {published_name(chosen, key): value for key, value in state.items()}


def one_sentence(result: subprocess.CompletedProcess[str], message: str) -> None:
    """Expect exit code 2 and a message for a person, nothing else."""
    said = " ".join(result.stderr.split())
    assert result.returncode == 2, said
    assert message in said
    assert "Traceback" not in said
    assert "Warning" not in said
    assert len(said) < 600
    assert result.stdout == ""


def test_published_weights_become_a_model(tmp_path: Path) -> None:
    source, folder = tmp_path / "published.pt", tmp_path / "weights" / "my-mulsr"
    state = published("mulsr")
    torch.save({"epoch": 9, "model": {f"module.{k}": v for k, v in state.items()}}, source)
    one_sentence(convert(source, "--network", "mulsr", "-o", folder), "--set scale=8")
    assert not folder.exists()

    words = ("--network", "mulsr", "-o", folder, "--set", "scale=4", "--licence", "MIT")
    result = convert(source, *words)
    assert result.returncode == 0, result.stderr
    assert "MulSR" in result.stdout
    assert "scale = 4" in result.stdout
    assert f"--model {folder}" in " ".join(result.stdout.split())
    model = load(folder)
    parameters = sum(p.numel() for p in cast("nn.Module", model.network).parameters())
    assert f"{parameters:,} parameters" in result.stdout
    card = json.loads((folder / "card.json").read_text())
    assert (card["name"], card["network"], card["licence"]) == ("my-mulsr", "mulsr", "MIT")
    assert card["settings"]["scale"] == 4
    assert card["origin"]["file"] == "published.pt"
    assert len(card["origin"]["sha256"]) == 64

    one_sentence(convert(source, *words), "add --overwrite")
    assert convert(source, *words, "--overwrite", "--name", "other").returncode == 0
    assert load(folder).card.name == "other"


def test_what_weights_do_not_tell_is_a_word_to_add(tmp_path: Path) -> None:
    save_file(published("convformersr"), tmp_path / "a.safetensors")
    words = (tmp_path / "a.safetensors", "--network", "convformersr", "-o", tmp_path / "w")
    message = "0 unless their training was given another); set what it was trained with, such as"
    one_sentence(convert(*words), f"{message} --set mean=0.0")
    assert convert(*words, "--set", "mean=0.0").returncode == 0
    assert load(tmp_path / "w").card.settings["mean"] == 0
    assert convert(*words, "--overwrite", "--set", "mean=0.1,0.2,0.3").returncode == 0
    assert list(load(tmp_path / "w").card.settings["mean"]) == [0.1, 0.2, 0.3]


def test_bands_are_named(tmp_path: Path) -> None:
    save_file(published("hsenet"), tmp_path / "a.safetensors")
    words = (tmp_path / "a.safetensors", "--network", "hsenet", "-o", tmp_path / "w", "--bands")
    assert convert(*words, "red,green, blue").returncode == 0
    assert load(tmp_path / "w").card.bands == ("red", "green", "blue")


def test_a_network_of_the_zoo_enlarges_a_scene_by_tiles(tmp_path: Path, spandrel: Any) -> None:
    torch.save(spandrel.published(), tmp_path / "downloaded.pth")
    values = np.random.default_rng(0).integers(0, 60, (3, 72, 92)).astype(np.uint8)
    image = Image.of(values, radiometry=Radiometry(dtype="uint8", low=(0.0,), high=(255.0,)))
    write_image(tmp_path / "scene.tif", image)
    for command in (
        "convert downloaded.pth --network zoo -o weights/mine",
        "upscale scene.tif --model weights/mine -o larger.tif --set tile=48 --set bound=false",
    ):
        words = [sys.executable, "-m", "geoloupe", *command.split()]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "architecture = Mixer" in done.stdout or "larger.tif" in done.stdout
    whole = load(tmp_path / "weights" / "mine")(values)
    with open_source(tmp_path / "larger.tif") as source:
        assert np.abs(source.read().values.astype(int) - whole.astype(int)).max() <= 1
    assert whole.std() > 5


def changed(**changes: Any) -> dict[str, Any]:
    """Make weights in which something is wrong."""
    return published("srcnn") | changes


def pickled(content: Any, **options: Any) -> bytes:
    """Save with PyTorch."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def compressed() -> bytes:
    """Make a checkpoint that unpacks to a hundred times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
        archive.writestr("archive/data/0", bytes(2**24))
    return buffer.getvalue()


def boastful() -> bytes:
    """Make an old-format checkpoint whose four numbers claim to be 2**45."""
    data = pickled({"a": torch.ones(4)}, _use_new_zipfile_serialization=False)
    return data.replace(b"K\x04", b"\x8a\x08" + struct.pack("<q", 2**45))


def safetensors_cut_short() -> bytes:
    """Make a download that stopped early."""
    from safetensors.torch import save

    return save(published("srcnn"))[:-100]


BAD_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (bytes, "empty (0 bytes)"),
    "text": (lambda: b"epoch 1 loss 0.3\n", "a text file"),
    "truncated zip": (lambda: pickled(published("srcnn"))[:-900], "truncated or corrupt"),
    "truncated safetensors": (safetensors_cut_short, "truncated or corrupt"),
    "whole module": (
        lambda: pickled({"model": nn.Sequential(nn.Conv2d(1, 1, 1))}),
        "holds a pickled torch.nn.modules.container.Sequential, and loading that would run code",
    ),
    "zip bomb": (compressed, "made to exhaust memory"),
    "boastful": (boastful, "corrupt; declares more numbers than this machine"),
    "numbers": (lambda: pickled([1, 2, 3]), "holds a list, not tensors under names"),
    "nan": (lambda: pickled(changed(**{"conv3.bias": torch.full((3,), torch.nan)})), "holds NaN"),
    "complex": (lambda: pickled(changed(**{"conv3.bias": torch.ones(3) * 1j})), "is complex"),
    "integers": (
        lambda: pickled(changed(**{"conv3.bias": torch.ones(3, dtype=torch.int32)})),
        "holds int32, not floating-point weights",
    ),
    "foreign": (lambda: pickled(published("hsenet")), "HSENet: use --network hsenet"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, kind: str) -> None:
    make, message = BAD_FILES[kind]
    source = tmp_path / "bad.pt"
    source.write_bytes(make())
    words = ("--network", "srcnn", "--set", "scale=4", "-o", tmp_path / "w")
    one_sentence(convert(source, *words), message)
    assert not (tmp_path / "w").exists()


def test_what_is_no_file_or_no_network(tmp_path: Path) -> None:
    source = tmp_path / "a.pt"
    words = ("-o", tmp_path / "w", "--network")
    one_sentence(convert(source, *words, "srcnn"), "no such file")
    one_sentence(convert(tmp_path, *words, "srcnn"), "a folder, not a checkpoint file")
    one_sentence(convert(source, *words, "srcn"), "did you mean 'srcnn'?")


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    torch.save(published("srcnn"), tmp_path / "a.pt")
    (tmp_path / "notes").write_text("mine")
    words = ("--network", "srcnn", "--set", "scale=4", "--overwrite", "-o")
    one_sentence(convert(tmp_path / "a.pt", *words, tmp_path / "notes" / "w"), "is a file")
    one_sentence(convert(tmp_path / "a.pt", *words, "/proc/none/w"), "cannot make this folder")
    assert (tmp_path / "notes").read_text() == "mine"
