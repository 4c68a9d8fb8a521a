"""Figures of a benchmark are kept by processor, and what became slower is said."""

from dataclasses import replace
from pathlib import Path

from benchmarks.history import keep, remarks
from benchmarks.report import Machine, Result

MACHINE = Machine(
    processor="Acme(R) One",
    cores=2,
    python="3.11",
    torch="2.13",
    date="2026-01-01",
    command="python -m benchmarks.networks",
    peak_fp32=1e11,
    peak_bf16=1e12,
)


def result(prepared: float, plain: float = 0.5) -> Result:
    seconds = {"textbook": 1.0, "plain": plain, "prepared": prepared}
    return Result(case="a", per="image", operations=1e9, seconds=seconds, tolerance=1e-5)


def test_what_became_slower_is_said_and_noise_is_not(tmp_path: Path) -> None:
    assert list(remarks([result(0.25)], MACHINE, tmp_path)) == []
    keep([result(0.25)], MACHINE, tmp_path)
    later = replace(MACHINE, date="2026-02-01")
    assert list(remarks([result(0.27)], later, tmp_path)) == []
    (said,) = remarks([result(0.4)], later, tmp_path)
    assert said == "a: prepared became slower (2.50x, and 4.00x before)"


def test_a_form_slower_than_plain_is_said(tmp_path: Path) -> None:
    (said,) = remarks([result(0.7)], MACHINE, tmp_path)
    assert said == "a: prepared is slower than plain (1.43x against 2.00x)"


def test_cases_of_one_day_are_kept_together(tmp_path: Path) -> None:
    keep([result(0.25)], MACHINE, tmp_path)
    other = result(0.5)
    other.case = "b"
    path = keep([other], MACHINE, tmp_path)
    assert [name.name for name in tmp_path.iterdir()] == [path.name]
    assert '"a"' in path.read_text()
    assert '"b"' in path.read_text()
