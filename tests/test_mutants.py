"""Small bugs are planted in copies alone, and those that no test notices are told."""

import subprocess
from pathlib import Path

import pytest
from tools.mutants import SAMPLE, SOURCE, judged, nearest_tests, report, sample
from tools.planting import mutants_of

ROOT = Path(__file__).parent.parent
CODE = b'''\
"""A module - with words < that are no code."""
LIMIT: int = 3


def clipped(values: list[float], low: float = -0.5) -> list[float]:
    """Clip \xc3\xa4 list."""
    if not values or len(values) < LIMIT:
        raise InputError(f"{len(values) + 1} values")
    return [max(value, low) for value in values[1:]]
'''


def _planted(source: bytes) -> set[str]:
    """Give every line that a bug changes, as it reads with it."""
    before = source.decode().splitlines()
    found = set()
    for mutant in mutants_of(source):
        after = mutant.plant(source).decode().splitlines()
        (changed,) = [line for old, line in zip(before, after, strict=True) if old != line]
        assert before[mutant.line - 1] != after[mutant.line - 1]
        found.add(changed.strip())
    return found


def test_bugs_of_every_kind_are_found_and_words_left_alone() -> None:
    found = _planted(CODE)
    assert {
        "LIMIT: int = 4",
        "if not values or (len(values) <= LIMIT):",
        "if (not values and len(values) < LIMIT):",
        "if values or len(values) < LIMIT:",
        "return [min(value, low) for value in values[1:]]",
        "return [max(low, value) for value in values[1:]]",
        "return [max(value, low) for value in values[1 - 1:]]",
        "return None",
    } <= found
    assert not any("InputError" in line or '"""' in line for line in found)


@pytest.mark.parametrize("name", SAMPLE)
def test_the_sample_exists_and_its_tests_are_near(name: str) -> None:
    assert len(mutants_of((ROOT / SOURCE / name).read_bytes())) > 5
    tests = nearest_tests(ROOT, SOURCE / name)
    assert tests
    assert all((ROOT / path).is_file() for path in tests)
    mirror = f"tests/{Path(name).parent}/test_{Path(name).name}"
    assert tests[0] == mirror or not (ROOT / mirror).exists()


def test_as_many_are_drawn_from_each_module_and_the_same_again() -> None:
    modules = [SOURCE / name for name in SAMPLE[:3]]
    drawn = sample(ROOT, modules, 12, seed=1)
    assert [sum(one.module == module for one in drawn) for module in modules] == [4, 4, 4]
    assert drawn == sample(ROOT, modules, 12, seed=1) != sample(ROOT, modules, 12, seed=2)


def test_a_bug_is_noticed_or_survives_and_the_tree_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = tmp_path / SOURCE / "thing.py"
    thing.parent.mkdir(parents=True)
    code = "def more(x: int) -> int:\n    return x + 5\n\n\ndef never() -> int:\n    return 7\n"
    thing.write_text(code)
    (thing.parent / "__init__.py").touch()
    test = "from geoloupe.thing import more\n\ndef test_more() -> None:\n    assert more(2) == 7\n"
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_thing.py").write_text(test)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    chosen = [
        one for one in sample(tmp_path, [SOURCE / "thing.py"], 99, 0) if "early" in one.mutant.about
    ]
    verdicts = list(judged(tmp_path, chosen, 2))
    assert [(one.planted.mutant.line, one.outcome) for one in verdicts] == [
        (2, "noticed"),
        (6, "survived"),
    ]
    assert thing.read_text() == code
    report(tmp_path, verdicts)
    told = capsys.readouterr().out
    assert "  -    return 7\n  +    return None\n" in told
    assert "1 of 2 noticed (50%), 1 survived" in told
