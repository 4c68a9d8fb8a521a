"""Quality without a truth, of a product and the panchromatic band that sharpened it."""

from pathlib import Path

import numpy as np
import pytest

import geoloupe
from geoloupe.errors import InputError
from geoloupe.scenes.inspection import inspect
from tests.scenes.pairs import MTF, PLACE, pair, write


def test_what_the_guide_sharpened_is_nearer_to_it_than_interpolation(tmp_path: Path) -> None:
    ms, guide, truth = pair(tmp_path)
    found = {}
    for model in ("glp", "bicubic"):
        made = geoloupe.sharpen(
            ms, tmp_path / f"{model}.tif", guide=guide, model=model, mtf=MTF, shift=(0, 0)
        )
        rows = inspect(made.path, ms, guide=guide).findings
        found[model] = {row.name: row.value for row in rows}
    assert found["glp"]["D_s"] < found["bicubic"]["D_s"]
    assert found["glp"]["HQNR"] > found["bicubic"]["HQNR"]
    assert found["glp"]["QNR"] == pytest.approx(
        (1 - found["glp"]["D_lambda"]) * (1 - found["glp"]["D_s"])
    )
    small = write(tmp_path / "small.tif", truth[:1, :96], PLACE)
    with pytest.raises(InputError, match="differs in size"):
        inspect(made.path, ms, guide=small)
    both = write(tmp_path / "both.tif", np.ascontiguousarray(truth[:2]), PLACE)
    with pytest.raises(InputError, match="need a guide of one"):
        inspect(made.path, ms, guide=both)
