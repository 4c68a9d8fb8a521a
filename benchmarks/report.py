"""Results as tables for people and as JSON for programs."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

import torch


@dataclass(kw_only=True)
class Other:
    """A prepared form other than float32 in PyTorch, against the textbook."""

    title: str
    seconds: float | None = None
    agreement_db: float | None = None  # infinite where all values are equal
    failure: str | None = None  # why there are no numbers


@dataclass(kw_only=True)
class Result:
    """What was measured on one case; seconds and operations are per band where it says so."""

    case: str
    per: str  # "image" or "band"
    operations: float  # of the plain form; a prepared one that needs fewer may exceed the peak
    seconds: dict[str, float] = field(default_factory=dict)  # by form
    memory: dict[str, int] = field(default_factory=dict)  # bytes by form
    difference: float | None = None  # max |prepared - textbook|
    relative: float | None = None  # the same over 1 + deviation
    tolerance: float
    other: Other | None = None

    @property
    def agrees(self) -> bool:
        """Tell whether the prepared form computes what the textbook does; NaN does not agree."""
        return self.relative is None or self.relative <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and when it was measured."""

    processor: str
    cores: int
    python: str
    torch: str
    date: str
    command: str
    peak_fp32: float  # operations a second, one core
    peak_bf16: float


def this_machine(command: str, *, peak_fp32: float, peak_bf16: float) -> Machine:
    """Describe this machine; no host name, since results are published."""
    info = Path("/proc/cpuinfo")
    named = (
        re.search(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8"))
        if info.exists()
        else None
    )
    return Machine(
        processor=named[1] if named else platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        torch=torch.__version__,
        date=date.today().isoformat(),
        command=command,
        peak_fp32=peak_fp32,
        peak_bf16=peak_bf16,
    )


COLUMNS = (
    "case",
    "GFLOP",
    "textbook ms",
    "plain ms",
    "prepared ms",
    "textbook / prepared",
    "GFLOP/s",
    "of peak",
    "textbook MB",
    "prepared MB",
    "max difference",
    "relative",
)


def row(result: Result, machine: Machine) -> list[str]:
    """Write one result as the cells of COLUMNS; a dash where nothing was measured."""
    seconds, memory = result.seconds, result.memory
    textbook, prepared = seconds.get("textbook"), seconds.get("prepared")
    rate = result.operations / prepared if prepared else None
    other = result.other
    cells = [
        result.case + (" (a band)" if result.per == "band" else ""),
        f"{result.operations / 1e9:,.1f}",
        *(cell(seconds.get(form), 1e3, ",.0f") for form in ("textbook", "plain", "prepared")),
        ratio(textbook, prepared),
        cell(rate, 1e-9, ".0f"),
        cell(rate, 100 / machine.peak_fp32, ".0f", "%"),
        *(cell(memory.get(form), 1e-6, ",.0f") for form in ("textbook", "prepared")),
        cell(result.difference, 1, ".1e"),
        cell(result.relative, 1, ".1e", "" if result.agrees else " DISAGREES"),
    ]
    if other is not None:
        cells += [
            cell(other.seconds, 1e3, ",.0f"),
            ratio(textbook, other.seconds),
            cell(other.agreement_db, 1, ".1f") if other.failure is None else "cannot run",
        ]
    return cells


def cell(value: float | None, factor: float, form: str, unit: str = "") -> str:
    """Write a number, or a dash where there is none."""
    return "-" if value is None else f"{value * factor:{form}}{unit}"


def ratio(before: float | None, after: float | None) -> str:
    """Write how many times faster it became."""
    return f"{before / after:.2f}x" if before and after else "-"


def header(results: Sequence[Result]) -> list[str]:
    """Name the columns, with those of another form if there is one."""
    title = next((result.other.title for result in results if result.other), None)
    extra = [f"{title} ms", f"textbook / {title}", "agreement dB"] if title else []
    return [*COLUMNS, *extra]


def facts(machine: Machine) -> list[str]:
    """Say in lines where the numbers come from."""
    return [
        f"{machine.processor}, {machine.cores} cores, one thread used; {machine.date}",
        f"Python {machine.python}, PyTorch {machine.torch}",
        f"peak of one core (3x3 convolution, channels last): fp32 {machine.peak_fp32 / 1e9:.0f}, "
        f"bf16 {machine.peak_bf16 / 1e9:.0f} GFLOP/s",
        f"command: {machine.command}",
    ]


def plain_line(cells: Sequence[str]) -> str:
    """Align one row for a terminal."""
    return cells[0].ljust(18) + "".join(text.rjust(max(len(text) + 2, 11)) for text in cells[1:])


def markdown(results: Sequence[Result], machine: Machine) -> str:
    """Write everything as Markdown, for docs/performance.md."""
    names = header(results)
    rows = [names, ["---", *["---:"] * (len(names) - 1)], *(row(r, machine) for r in results)]
    table = ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join([*(f"- {fact}" for fact in facts(machine)), "", *table])


def as_json(results: Sequence[Result], machine: Machine) -> dict[str, Any]:
    """Collect everything as plain values; infinity and NaN, unknown to JSON, become text."""
    listed = []
    for result in results:
        values = {**asdict(result), "agrees": result.agrees}
        for part in (values, values["other"] or {}):
            part.update({k: str(v) for k, v in part.items() if is_odd(v)})
        listed.append(values)
    return {"machine": asdict(machine), "results": listed}


def is_odd(value: Any) -> bool:
    """Tell an infinity or NaN from everything else."""
    return isinstance(value, float) and not isfinite(value)
