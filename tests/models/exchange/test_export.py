"""Exported files run without geoloupe, answer as the model does, and prove it."""

import json
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geoloupe.errors import InputError, RunError
from geoloupe.models.card import Card
from geoloupe.models.exchange import export as exporting
from geoloupe.models.exchange import forms
from geoloupe.models.exchange.export import KEY, export_model, read_marks
from geoloupe.models.exchange.forms import FORMS
from geoloupe.models.model import Model, load, model_from_state
from geoloupe.networks import build, network_class

SUFFIXES = [".onnx", ".xml", ".pt2"]


def tiny(name: str = "loupe", **known: Any) -> Model:
    """A fresh model whose answer is not that of interpolation."""
    settings = network_class(name).Settings.tiny()
    torch.manual_seed(0)
    network = build(name, **vars(settings) | known)
    state = {
        key: tensor + 0.05 * torch.randn(tensor.shape) if tensor.is_floating_point() else tensor
        for key, tensor in network.state_dict().items()
    }
    card = Card(name="mine", network=name, settings=vars(settings), bound=0.6)
    return model_from_state(network, state, card)


def formula(bands: int, height: int, width: int) -> NDArray[np.float32]:
    """The image that the proof describes in words."""
    y, x = np.mgrid[0:height, 0:width]
    y, x, b = y / height, x / width, np.arange(bands)[:, None, None]
    waves = np.sin(9 * y + 0.7 * b) * np.cos(13 * x - 0.3 * b)
    return (0.5 + 0.25 * waves + 0.15 * (x + y > 1)).astype(np.float32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_takes_any_size_and_answers_as_the_model(suffix: str, tmp_path: Path) -> None:
    model = tiny()
    made = export_model(model, tmp_path / f"a{suffix}", bands=["nir", "red", "green", "blue"])
    run = FORMS[suffix].load(made.path)
    for height, width in ((29, 50), (64, 31)):  # which were not tried
        image = np.random.default_rng(3).random((4, height, width), np.float32)
        found = run((torch.from_numpy(image)[None],)).numpy()[0]
        assert np.abs(found - model(image, precision="fp32")).max() < 1e-5
        assert np.abs(found - load("bicubic", scale=2)(image)).max() > 1e-3
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        path.name for path in made.files
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_proof_in_a_file_can_be_repeated_without_the_model(suffix: str, tmp_path: Path) -> None:
    model = tiny()
    path = export_model(model, tmp_path / f"a{suffix}").path
    told = json.loads(read_marks(path)[KEY])
    assert (told["model"], told["digest"], told["scale"]) == ("mine", model.digest, 2)
    assert len(told["proof"]["trials"]) == 3
    run = FORMS[suffix].load(path)
    for trial in told["proof"]["trials"]:
        image = formula(3, trial["height"], trial["width"])
        found = run((torch.from_numpy(image)[None],)).numpy().ravel()
        places = np.linspace(0, found.size - 1, len(trial["answers"])).astype(int)
        assert np.abs(found[places] - trial["answers"]).max() < told["proof"]["tolerance"]
        assert trial["largest_difference"] < told["proof"]["tolerance"]


def test_what_a_sensor_passes_is_in_the_file(tmp_path: Path) -> None:
    image = np.random.default_rng(3).random((3, 24, 24), np.float32)
    answers = []
    for mtf in (0.2, 0.5):
        path = tmp_path / f"{mtf}.onnx"
        export_model(load("loupe-x2"), path, mtf=mtf)
        answers.append(FORMS[".onnx"].load(path)((torch.from_numpy(image)[None],)))
    assert float((answers[0] - answers[1]).abs().max()) > 0.01
    with pytest.raises(InputError, match="leave mtf out"):
        export_model(load("bicubic", scale=2), tmp_path / "a.onnx", mtf=0.3)


def test_a_guide_is_the_second_input(tmp_path: Path) -> None:
    model = tiny("mulsr")
    path = export_model(model, tmp_path / "a.onnx", tile=16).path
    signature = model.network.signature
    bands, scale = signature.bands or 3, signature.scale
    rng = np.random.default_rng(0)
    lr = rng.random((bands, 16, 16), np.float32)
    guide = rng.random((signature.guide_bands or 1, 16 * scale, 16 * scale), np.float32)
    found = FORMS[".onnx"].load(path)((torch.tensor(lr)[None], torch.tensor(guide)[None]))
    assert np.abs(found.numpy()[0] - model(lr, guide, precision="fp32")).max() < 1e-4
    assert set(read_marks(path)) == {KEY}  # Deepness runs models of one input


def test_deepness_finds_what_it_asks_for(tmp_path: Path) -> None:
    import onnxruntime

    names = ["red", "green", "blue"]
    path = tmp_path / "a.onnx"
    export_model(tiny(), path, bands=names, tile=32, resolution=10)
    session = onnxruntime.InferenceSession(path)
    told = session.get_modelmeta().custom_metadata_map
    assert str(json.loads(told["model_type"])).capitalize() == "Superresolution"
    classes = sorted(json.loads(told["class_names"]).items(), key=lambda pair: int(pair[0]))
    assert classes == [("0", "red"), ("1", "green"), ("2", "blue")]
    assert float(json.loads(told["resolution"])) == 1000  # centimetres
    assert int(json.loads(told["tile_size"])) == 32
    assert int(json.loads(told["tiles_overlap"])) == 0
    (entry,), (answer,) = session.get_inputs(), session.get_outputs()
    assert entry.shape == [1, 3, 32, 32]
    assert answer.shape == [1, 3, 64, 64]


def test_what_takes_one_size_only_says_so(tmp_path: Path) -> None:
    model = tiny("mulsr")
    with pytest.raises(InputError, match=r"any size \(.*\); name the one size .* tile="):
        export_model(model, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_what_a_format_lacks_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match="cannot be exported to ONNX, which has no Fourier"):
        export_model(tiny("tsfnet"), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_answers_otherwise_is_not_kept(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = type(FORMS[suffix])
    loads = form.load

    def wrong(self: Any, path: Path) -> forms.Run:
        run = loads(self, path)
        return lambda inputs: run(inputs) + 0.001

    monkeypatch.setattr(form, "load", wrong)
    with pytest.raises(RunError, match=r"another answer than the model \(they differ by 1.0e-03\)"):
        export_model(tiny(), tmp_path / f"a{suffix}")
    assert not list(tmp_path.iterdir())


def test_no_pickle_is_in_an_exported_program(tmp_path: Path) -> None:
    path = export_model(tiny(), tmp_path / "a.pt2", tile=16).path
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            assert not content.startswith((b"\x80", b"PK")), name
            assert b"data.pkl" not in content


def test_old_files_are_kept_unless_said_otherwise(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_text("mine")
    with pytest.raises(InputError, match=r"a\.bin: exists already"):
        export_model(tiny(), tmp_path / "a.xml")
    export_model(tiny(), tmp_path / "a.xml", overwrite=True)
    assert (tmp_path / "a.bin").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.trt", {}, r"a\.trt: models are exported as \.onnx, \.xml, \.pt2"),
        ("a.onnx", {"bands": 0}, "takes 1 and more"),
        ("a.onnx", {"bands": ["red", "red"]}, "different names"),
        ("a.onnx", {"mtf": 1.5}, "from 0 to 1"),
        ("a.onnx", {"resolution": -1.0}, "in metres"),
        ("a.onnx", {"tile": 0}, "takes 1 pixels and more"),
        ("no/a.onnx", {}, "does not exist"),
    ],
)
def test_what_cannot_be_is_refused(
    name: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        export_model(tiny(knots=4), tmp_path / name, **options)


def test_bands_are_those_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes 3 bands, and bands names 4"):
        export_model(tiny("hsenet"), tmp_path / "a.onnx", bands=4)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(forms, "version", missing)
    with pytest.raises(InputError, match=r"pip install 'geoloupe\[export\]'"):
        export_model(tiny(), tmp_path / "a.onnx")
    with pytest.raises(InputError, match="is no exported model"):
        read_marks(tmp_path / "a.onnx")


def test_the_written_marks_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "deepness", lambda *_: {"name": 'quotes " and ünicode <&>\n'})
    for suffix in (".onnx", ".pt2"):
        path = export_model(tiny(), tmp_path / f"a{suffix}", tile=16).path
        assert read_marks(path)["name"] == 'quotes " and ünicode <&>\n'
