"""What to run on the day, in which order, and how long each command takes at most."""

from dataclasses import dataclass

START = 2.5  # minutes until the first command runs: machine, transfer of files
LONGEST = 10.0  # minutes of one command
_READY = (  # in every command: each may find itself on a fresh machine
    "test -d /tmp/site || python3 -m pip install -q --no-index --no-deps --target /tmp/site "
    "gpu-day/wheels/*.whl"
)
_WITH = "PYTHONPATH=/tmp/site:src:papers PYTHONUNBUFFERED=1"
SPARE = 1.5  # minutes of a training command beside its schedule: start, last validation, copying


@dataclass(frozen=True)
class Step:
    """One command, and the minutes after which it is to be stopped."""

    words: str
    minutes: float
    why: str


def steps(names: list[str], minutes: float) -> list[Step]:
    """Share so many minutes among looking whether all is well and training models."""
    looked = [
        Step("check", 1.0, "networks and samples on the GPU against the processor"),
        Step("bench fine-x4", 2.0, "speeds; its compiled steps are kept for the training"),
    ]
    left = minutes - START - sum(step.minutes for step in looked)
    each = min(left / len(names), LONGEST) if names else 0.0
    schedule = each - SPARE
    if names and schedule < 1:
        return looked
    trained = [
        Step(f"train {name} --minutes {schedule:.1f}", each, "copies every two minutes")
        for name in names
    ]
    return [*looked, *trained]


def text(names: list[str], minutes: float, pydantic: str) -> str:
    """Write the plan for people to copy commands from."""
    found = steps(names, minutes)
    lines = [
        "At home, once; the folder gpu-day then holds what must travel beside the repository:",
        "",
        "  python -m tools.gpu_day pack --data data --into gpu-day",
        "  python -m pip download -d gpu-day/wheels --only-binary=:all: --python-version 3.12 \\",
        f"    --platform manylinux_2_17_x86_64 pydantic=={pydantic}",
        "",
        "(all else that training needs is usual where PyTorch is: see the docs; no GDAL is needed)",
        "",
        f"On the machine with the GPU, {minutes:g} minutes, some {START:g} of them until the first "
        "command runs;",
        "$OUT is the folder that is copied back. A command that was stopped goes on when it is run "
        "again.",
        "",
    ]
    for number, step in enumerate(found, 1):
        lines += [
            f"{number}. at most {step.minutes:.1f} min: {step.why}",
            f'  {_READY}; {_WITH} python3 -m tools.gpu_day {step.words} --out "$OUT"',
        ]
    total = START + sum(step.minutes for step in found)
    lines += [
        "",
        f"Together {total:.1f} min. Where the machine was lost meanwhile, put what came back into "
        "gpu-day/copies",
        "and run the training's command on another: it begins with the newest copy.",
    ]
    return "\n".join(lines)
