"""Every number of every shipped card, measured again from what ships and from the real data."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geoloupe.datasets.preparation.prepare import prepare
from geoloupe.evaluation.evaluate import evaluate
from geoloupe.models.card import CARD_FILE, Card
from geoloupe.models.shipped import shipped
from tests.real_data import DATA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real data sets are not here"),
]
CUBES = {
    "train": ("airport-1", "airport-2", "urban-4"),
    "val": ("airport-3",),
    "test": ("urban-5",),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Prepare a real data set once."""
    folder = tmp_path_factory.mktemp("data")

    def make(name: str) -> Path:
        target = folder / name
        if target.exists():
            return target
        if name == "cubes":
            (folder / "in").mkdir()
            words = []
            for split, scenes in CUBES.items():
                for scene in scenes:
                    source = DATA / "hyperspectral" / f"abu-{scene}.mat"
                    (folder / "in" / source.name).symlink_to(source)
                    words.append(f"{split} abu-{scene}\n")
            nm = [400 + 9.6 * i if i <= 102 else 1379.2 + 11 * (i - 102) for i in range(205)]
            (folder / "in" / "wavelengths.txt").write_text(" ".join(f"{n:.1f}" for n in nm))
            (folder / "list").write_text("".join(words))
            prepare(name, folder / "in", target, split=str(folder / "list"))
        else:
            prepare(name, DATA / name, target)
        return target

    return make


@pytest.mark.parametrize("name", shipped())
def test_what_a_card_says_is_measured_again(name: str, prepared: Callable[[str], Path]) -> None:
    card = Card.model_validate(json.loads((shipped()[name] / CARD_FILE).read_text()))
    for score in card.scores:
        where, degradation = score.data.split(", ")
        data, split = where.split(":")
        found = evaluate(
            (name, "bicubic"),
            f"{prepared(data)}:{split}",
            protocol=score.protocol,
            degradation=degradation,
            scale=score.scale,
        )
        own, plain = (summary.mean for summary in found.summaries())
        for metric, value in score.values.items():
            assert own[metric] == pytest.approx(value, rel=1e-3, abs=2e-4), metric
            assert plain[metric] == pytest.approx(score.bicubic[metric], rel=1e-3, abs=2e-4), metric
