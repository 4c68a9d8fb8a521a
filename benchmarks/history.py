"""Figures that are kept, so that a form that became slower shows.

One small file for each kind of processor and day: how many times quicker than the textbook each
form was. Ratios alone are compared: times are another machine's, or a busier one's.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.report import Machine, Result

HISTORY = Path(__file__).parent / "history"
NOISE = 0.85  # of an earlier ratio: below, a form became slower

Ratios = dict[str, dict[str, float]]  # by case and form


def ratios(results: Sequence[Result]) -> Ratios:
    """Return how many times quicker than the textbook each form of each case was."""
    found: Ratios = {}
    for result in results:
        seconds = dict(result.seconds)
        if result.other is not None and result.other.seconds is not None:
            seconds[result.other.title] = result.other.seconds
        textbook = seconds.pop("textbook", None)
        if textbook is not None:
            found[result.case] = {form: round(textbook / s, 2) for form, s in seconds.items()}
    return found


def keep(results: Sequence[Result], machine: Machine, folder: Path = HISTORY) -> Path:
    """Write the ratios of a run; those of other cases of the same day stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_kind(machine)}-{machine.date}.json"
    before: Ratios = json.loads(path.read_text(encoding="utf-8"))["ratios"] if path.exists() else {}
    for case, found in ratios(results).items():
        before[case] = {**before.get(case, {}), **found}
    values = {"processor": machine.processor, "torch": machine.torch, "ratios": before}
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def remarks(results: Sequence[Result], machine: Machine, folder: Path = HISTORY) -> Iterator[str]:
    """Say which forms are slower than the plain network, or than they were on such a processor."""
    earlier: Ratios = {}
    for path in sorted(folder.glob(f"{_kind(machine)}-*.json")):
        for case, found in json.loads(path.read_text(encoding="utf-8"))["ratios"].items():
            earlier[case] = {**earlier.get(case, {}), **found}
    for case, found in ratios(results).items():
        plain = found.get("plain", 0.0)
        for form, ratio in found.items():
            if ratio < NOISE * plain:
                yield f"{case}: {form} is slower than plain ({ratio:.2f}x against {plain:.2f}x)"
            was = earlier.get(case, {}).get(form)
            if was is not None and ratio < NOISE * was:
                yield f"{case}: {form} became slower ({ratio:.2f}x, and {was:.2f}x before)"


def _kind(machine: Machine) -> str:
    """Name a kind of processor by what it multiplies."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text(encoding="utf-8").split()) if info.exists() else set()
    known = {"amx": "amx_bf16", "avx512-bf16": "avx512_bf16", "avx512": "avx512f", "avx2": "avx2"}
    multiplies = next((name for name, flag in known.items() if flag in flags), "other")
    maker = re.sub(r"\W+", "-", machine.processor.lower()).split("-")[0]
    return f"{maker}-{multiplies}"
