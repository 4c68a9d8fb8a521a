"""Models side by side: intervals that mean what they say, and files that agree with each other."""

import csv
import re
from pathlib import Path

import pytest
import rasterio
from scipy import ndimage

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.errors import InputError
from geoloupe.evaluation.comparison import compare
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.evaluation.published import published
from geoloupe.evaluation.report import FILES, check_report, write_report
from geoloupe.models.card import Card
from geoloupe.models.model import Model
from geoloupe.networks import build
from tests.datasets.small import enter, picture, prepared, random


def test_published_rows_have_sources_and_only_the_measured_sets() -> None:
    found = published("chikusei", 4, "sspsr")
    assert next(row for row in found if row.model == "SSPSR").scores["psnr"] == 40.3612
    assert all(row.source and row.differences for row in found)
    assert published("nowhere", 4, "sspsr") == []
    harvard = {row.model: row.scores for row in published("harvard", 16, "mulsr")}
    assert harvard["MulSR"] == {"psnr": 42.15, "ssim": 0.9754, "sam": 3.77, "rmse": 0.0105}
    assert published("aid900", 4, "basicrsisr")[0].scores == {"psnr": 28.89, "ssim": 0.7377}


def test_every_number_of_the_report_is_in_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch)
    data = prepared(tmp_path, {f"p{n}.tif": random(5, 24, 36, seed=n) for n in range(4)}).folder
    found = compare(["nearest", "bicubic"], f"{data}:train", scale=2)
    assert found.best in {"nearest", "bicubic"}
    folder = tmp_path / "report"
    write_report(found, folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {*FILES, "time.svg", "bands.svg", *(f"spectrum-{n}.svg" for n in (1, 2, 3))}
    assert len(found.by_band["nearest"]) == 5
    page = (folder / "report.html").read_text()
    numbers = set()
    for path in folder.glob("*.csv"):
        with path.open() as file:
            for line in csv.reader(file):
                for word in line:
                    if re.fullmatch(r"[-+]?[0-9]+\.[0-9]+", word):
                        numbers |= {f"{float(word):.4f}", f"{float(word):+.4f}"}
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page)
    shown = [n for cell in cells for n in re.findall(r"[-+]?[0-9]+\.[0-9]{4}\b", cell)]
    assert len(shown) > 10
    assert set(shown) <= numbers
    with pytest.raises(InputError, match=r"has a report\.html already"):
        check_report(folder, overwrite=False)


def test_captions_say_the_gains_of_the_images_they_stand_under(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch)
    pictures = {
        f"p{n}.tif": ndimage.gaussian_filter(random(3, 24, 36, seed=n), (0, 1, 1)) for n in range(6)
    }
    data = prepared(tmp_path, pictures).folder
    found = compare(["nearest", "bicubic"], f"{data}:train", scale=2)
    assert found.best == "bicubic"
    scores = {(row.model, row.image): row.scores["psnr"] for row in found.result.rows}
    gains = {
        image: score - scores["nearest", image]
        for (model, image), score in scores.items()
        if model == "bicubic"
    }
    ranked = sorted(gains.values())
    wanted = {"largest": ranked[-1], "smallest": ranked[0], "median": ranked[2]}
    told = {word: shown for shown in found.shown for word in wanted if word in shown.why}
    assert set(told) == set(wanted)
    for word, shown in told.items():
        assert gains[shown.example.id] == wanted[word]
        assert shown.why.endswith(f": {wanted[word]:+.2f}")


@pytest.fixture
def four_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Scenes of red, green, blue and near infrared."""
    enter(monkeypatch)
    for number in range(2):
        path = picture(tmp_path / "in" / f"p{number}.tif", random(4, 24, 36, dtype="uint16"))
        with rasterio.open(path, "r+") as out:
            out.descriptions = ("red", "green", "blue", "nir")
    (tmp_path / "list").write_text("train p0\ntrain p1\n")
    done = prepare("small", tmp_path / "in", tmp_path / "out", split=str(tmp_path / "list"))
    return f"{done.prepared.folder}:train"


def _seeing(*bands: str) -> Model:
    network = build("srcnn", scale=2, bands=len(bands))
    settings = {"scale": 2, "bands": len(bands)}
    card = Card(name="".join(bands), network="srcnn", settings=settings, bands=bands)
    return Model(network=network, card=card)


def test_models_are_compared_on_the_bands_that_all_of_them_see(
    tmp_path: Path, four_bands: str
) -> None:
    found = compare([_seeing("blue", "nir"), "bicubic"], four_bands, scale=2)
    assert {name: len(scores) for name, scores in found.by_band.items()} == {
        "bluenir": 2,
        "bicubic": 2,
    }
    assert {image.values.shape[0] for image in found.shown[0].answers.values()} == {2}
    write_report(found, tmp_path / "report")
    alone = evaluate(["bicubic"], four_bands, scale=2)
    assert alone.summaries()[0].mean["psnr"] != found.result.summaries()[1].mean["psnr"]
    with pytest.raises(InputError, match="these models see different bands: blue, nir; red"):
        compare([_seeing("blue", "nir"), _seeing("red")], four_bands)


def test_what_cannot_be_compared_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch)
    data = prepared(tmp_path, {f"p{n}.png": random(3, 24, 36, seed=n) for n in range(4)}).folder
    with pytest.raises(InputError, match="name at least two models"):
        compare(["bicubic"], str(data), scale=2)
    with pytest.raises(InputError, match="no setting of evaluate is called 'sacle'"):
        compare(["bicubic", "nearest"], str(data), sacle=2)
