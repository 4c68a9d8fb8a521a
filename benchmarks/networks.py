"""Measure every network: the textbook form, our plain network, and its prepared form.

    python -m benchmarks.networks                                all cases, some ten minutes
    python -m benchmarks.networks --quick                        small cases, about a minute
    python -m benchmarks.networks --cases sspsr-16 --engine openvino --precision bf16

Processor time of one thread, interleaved runs, medians. Every form runs in a process of its own:
the textbook and the plain network with the allocator as it is, the prepared one with the setting
that our program makes at its entry. Ends with 1 if a prepared form disagrees with the textbook.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import torch

from benchmarks.cases import CASES, Case
from benchmarks.forms import PLAIN, PREPARED, TEXTBOOK_FORM, Engine, Form, Precision, start
from benchmarks.history import keep, remarks
from benchmarks.measure import agreement_db, difference, interleaved, operations, peak_flops
from benchmarks.report import (
    Machine,
    Other,
    Result,
    as_json,
    facts,
    header,
    markdown,
    plain_line,
    row,
    this_machine,
)
from benchmarks.worker import footprint, worker
from geoloupe.errors import GeoloupeError, InputError


def arguments(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.networks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--cases", help=f"comma-separated; all by default: {', '.join(CASES)}")
    add("--repeat", type=int, help="runs of each form; by default what suits the case")
    add("--quick", action="store_true", help="only the small cases, twice each, no memory")
    add("--memory", action=argparse.BooleanOptionalAction, help="measure peak memory")
    add("--precision", choices=get_args(Precision), default="fp32", help="of an additional form")
    add("--engine", choices=get_args(Engine), default="torch", help="of an additional form")
    add("--same-allocator", action="store_true", help="give the textbook our allocator setting too")
    add("--markdown", action="store_true", help="print the table as Markdown at the end")
    add("--keep", action="store_true", help="keep the ratios in benchmarks/history")
    add("--json", type=Path, metavar="FILE", help="write all results")
    return parser.parse_args(words)


def chosen_cases(options: argparse.Namespace) -> list[Case]:
    """Pick the cases that the command names."""
    if not options.cases:
        return [case for case in CASES.values() if case.quick or not options.quick]
    names = options.cases.split(",")
    for name in names:
        if name not in CASES:
            raise InputError.unknown("case", name, CASES)
    return [CASES[name] for name in names]


def measure(case: Case, options: argparse.Namespace, other: Form | None) -> Result:
    """Measure one case in every form."""
    parts = case.bands if case.per_band else 1
    result = Result(
        case=case.name,
        per="band" if case.per_band else "image",
        operations=operations(case) / parts,
        tolerance=case.tolerance,
    )
    memory = options.memory if options.memory is not None else not options.quick
    if memory or not case.textbook:
        for form in (TEXTBOOK_FORM, PREPARED) if case.textbook else (PREPARED,):
            found = footprint(case.name, form, keep_freed=keeps_freed(form, options))
            result.memory[form.kind] = found.peak_bytes
            if not case.textbook:
                result.seconds[form.kind] = found.seconds / parts
    if case.textbook:
        measure_time(case, result, options)
        if other is not None:
            result.other = measure_other(case, other, options)
    return result


def keeps_freed(form: Form, options: argparse.Namespace) -> bool:
    """Tell how users run a form: our program sets the allocator, the published ones do not."""
    return form.kind == "prepared" or options.same_allocator


def repeats(case: Case, options: argparse.Namespace) -> int:
    """Choose how often each form runs."""
    return options.repeat or (2 if options.quick else case.runs)


def measure_time(case: Case, result: Result, options: argparse.Namespace) -> None:
    """Compare what the forms compute, then time them in turn."""
    truth = start(TEXTBOOK_FORM, case)()
    result.difference, result.relative = difference(start(PREPARED, case)(), truth)
    parts = case.bands if case.per_band else 1
    with ExitStack() as stack:
        timers: dict[str, Callable[[], float]] = {
            form.kind: stack.enter_context(
                worker(case.name, form, keep_freed=keeps_freed(form, options))
            )
            for form in (TEXTBOOK_FORM, PLAIN, PREPARED)
        }
        found = interleaved(timers, repeats(case, options))
    result.seconds.update({name: seconds / parts for name, seconds in found.items()})


def measure_other(case: Case, form: Form, options: argparse.Namespace) -> Other:
    """Time another prepared form and compare it with the textbook."""
    truth = start(TEXTBOOK_FORM, case)()
    try:
        found = start(form, case)()
    except GeoloupeError as error:
        return Other(title=form.title, failure=str(error))
    with worker(case.name, form, keep_freed=True) as timer:
        seconds = interleaved({form.title: timer}, repeats(case, options))[form.title]
    return Other(
        title=form.title,
        seconds=seconds / (case.bands if case.per_band else 1),
        agreement_db=agreement_db(found, truth),
    )


def main(words: list[str]) -> int:
    """Measure, print, and return the exit code."""
    options = arguments(words)
    try:
        cases = chosen_cases(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    torch.set_num_threads(1)
    other: Form | None = Form(kind="prepared", precision=options.precision, engine=options.engine)
    if other == PREPARED:
        other = None
    with torch.no_grad():
        machine = this_machine(
            shlex.join(["python", "-m", "benchmarks.networks", *words]),
            peak_fp32=peak_flops(torch.float32),
            peak_bf16=peak_flops(torch.bfloat16),
        )
        print("\n".join(facts(machine)) + "\n")
        results: list[Result] = []
        for case in cases:
            results.append(measure(case, options, other))
            if len(results) == 1:
                print(plain_line(header(results)))
            print(plain_line(row(results[-1], machine)), flush=True)
            if (found := results[-1].other) is not None and found.failure is not None:
                print(f"{case.name}: {found.failure}", file=sys.stderr)
    return conclude(results, machine, options)


def conclude(results: list[Result], machine: Machine, options: argparse.Namespace) -> int:
    """Print and keep what was asked for, say what is odd, and return the exit code."""
    if options.markdown:
        print("\n" + markdown(results, machine))
    if options.json:
        options.json.write_text(
            json.dumps(as_json(results, machine), indent=2) + "\n", encoding="utf-8"
        )
    for remark in remarks(results, machine):
        print(remark, file=sys.stderr)
    if options.keep:
        print(f"\nkept in {keep(results, machine)}")
    disagreeing = [result.case for result in results if not result.agrees]
    if disagreeing:
        print(f"\nprepared and textbook disagree: {', '.join(disagreeing)}", file=sys.stderr)
    return 1 if disagreeing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
