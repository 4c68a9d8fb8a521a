"""`geoloupe ablate`: runs that go on, and a report of what each part is worth."""

import csv
from pathlib import Path

import pytest

from tests.cli.test_models import geoloupe
from tests.training.scenes import prepared

pytest.importorskip("lightning_fabric")

TEXT = """
recipe = "smoke"

[changes]
"data.set" = "{data}"
"settings.features" = 4
"settings.blocks" = 2
"schedule.steps" = 20
"schedule.warmup" = 0
"validation.every" = 10

[variants.whole]

[variants.shallow]
"settings.blocks" = 1
"""


def test_variants_are_trained_once_and_compared(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TEXT.format(data=prepared(tmp_path / "data")))
    first = geoloupe("ablate", tmp_path / "mine.toml", "-o", tmp_path / "out")
    assert first.returncode == 0, first.stderr
    assert "whole: 20 steps" in first.stdout
    weights = tmp_path / "out" / "whole" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = geoloupe("ablate", tmp_path / "mine.toml", "-o", tmp_path / "out")
    assert again.returncode == 0, again.stderr
    assert weights.stat().st_mtime_ns == before
    with (tmp_path / "out" / "report" / "differences.csv").open() as file:
        rows = [(row["model"], row["other"], row["metric"]) for row in csv.DictReader(file)]
    assert ("shallow", "whole", "psnr") in rows
    with (tmp_path / "out" / "report" / "training.csv").open() as file:
        assert {row["model"] for row in csv.DictReader(file)} == {"whole", "shallow"}
