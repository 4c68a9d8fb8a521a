"""What to do on the day when a GPU is at hand for a quarter of an hour.

    python -m tools.gpu_day plan --of fine-x4             # the commands, and their minutes
    python -m tools.gpu_day pack --data data              # at home: images that travel
    python -m tools.gpu_day check                         # the GPU's answers are the processor's
    python -m tools.gpu_day bench fine-x4                 # speeds, in Markdown
    python -m tools.gpu_day train fine-x4 --minutes 8     # with copies every two minutes

Each is one command of less than ten minutes. `--tiny` and `--accelerator cpu` rehearse them.
"""

import argparse
import os
import time
from pathlib import Path

import torch

from geoloupe.cli.assignments import parse_assignments
from geoloupe.datasets.preparation.prepared import FOLDER_VARIABLE, PreparedDataset
from geoloupe.models.shipped import shipped
from geoloupe.training.hardware import Hardware
from geoloupe.training.recipe import Recipe
from tools.gpu_day import checking, speeds
from tools.gpu_day.packing import ARCHIVE, pack, unpack
from tools.gpu_day.plan import text
from tools.gpu_day.training import CHANGES, day_recipe, train_for

_SETS = ("ucmerced", "rgb", "pan", "octave")
_WORKERS = 10  # that throw rng, of sixteen cores
_BENCH = 90.0  # seconds after which no further model is measured
_TINY = {
    "settings.features": 8,
    "settings.blocks": 1,
    "batch": 4,
    "patches.size": 16,
    "validation.images": 2,
    "schedule.warmup": 5,
}


def main() -> None:
    """Read the command line and do the step that it names."""
    words = _parser().parse_args()
    began = time.monotonic()
    steps = {"plan": _plan, "pack": _pack, "check": _check, "bench": _bench, "train": _train}
    steps[words.step](words)
    print(f"{words.step}: {time.monotonic() - began:.0f} s", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="step", required=True)
    plan = kinds.add_parser("plan", help="print the commands of the day")
    plan.add_argument("--of", nargs="*", default=["fine-x4"], choices=CHANGES, help="to train")
    plan.add_argument("--minutes", type=float, default=15.0, help="that there are in all")
    packs = kinds.add_parser("pack", help="make images small enough to travel")
    packs.add_argument("--data", type=Path, default=Path("data"), help="prepared sets are below")
    packs.add_argument("--sets", nargs="+", default=_SETS)
    packs.add_argument("--into", type=Path, default=Path("gpu-day"))
    packs.add_argument("--room", type=float, default=35.0, help="MiB")
    packs.add_argument("--validated", type=int, default=35, help="images, kept without loss")
    for name, about in (
        ("check", "compare the device with the processor"),
        ("bench", "measure speeds"),
        ("train", "train for so many minutes"),
    ):
        kind = kinds.add_parser(name, help=about)
        if name != "check":
            kind.add_argument("recipe", choices=CHANGES)
        kind.add_argument("--out", type=Path, default=Path("evaluation/gpu-day"), help="copied out")
        kind.add_argument("--home", type=Path, default=Path("gpu-day"), help="what travelled")
        # Not auto: minutes must not go by on a processor because a driver is missing.
        kind.add_argument("--accelerator", default="cuda", choices=["cuda", "cpu"])
        kind.add_argument("--minutes", type=float, default=8.0)
        kind.add_argument("--workers", type=int, default=_WORKERS)
        kind.add_argument("--eager", action="store_true", help="steps are not compiled")
        kind.add_argument("--tiny", action="store_true", help="a rehearsal in small")
        kind.add_argument("--set", nargs="*", default=[], help="changes of the recipe")
    return parser


def _plan(words: argparse.Namespace) -> None:
    import pydantic

    print(text(words.of, words.minutes, pydantic.VERSION))


def _pack(words: argparse.Namespace) -> None:
    sets = [PreparedDataset.open(words.data / name) for name in words.sets]
    target = words.into / ARCHIVE
    packed = pack(sets, target, room=int(words.room * 2**20), validated=words.validated)
    print(
        f"{target}: {packed.images} images, {packed.size / 2**20:.1f} MiB; those to train with "
        f"have a PSNR of {packed.quality:.1f} dB"
    )


def _check(words: argparse.Namespace) -> None:
    words.recipe = "fine-x4"
    device = _device(words)
    recipe = _recipe(words) if _unpacked(words) else None
    lines, failed = ["| comparison | relative error | at most | |", "|---|---:|---:|---|"], 0
    print("\n".join(lines))
    for finding in checking.findings(device, recipe):
        verdict = "" if finding.sound else "**wrong**"
        failed += not finding.sound
        numbers = f"{finding.error:.2g} | {finding.most:.2g}"
        lines.append(f"| {finding.subject} | {numbers} | {verdict} |")
        print(lines[-1], flush=True)
        _keep(words, "check.md", lines)
    print(f"{failed} of {len(lines) - 2} comparisons are wrong")


def _bench(words: argparse.Namespace) -> None:
    device, began = _device(words), time.monotonic()
    _unpacked(words)
    lines: list[str] = []
    side, sizes = (32, [1]) if words.tiny else (128, [1, 8, 32])
    names = ["loupe-x4"] if words.tiny else list(shipped())

    def report(line: str) -> None:
        lines.append(line)
        print(line, flush=True)
        _keep(words, "bench.md", lines)

    # Training first: if minutes run out, that is what the day is for.
    try:
        for line in speeds.learning(
            _recipe(words), _hardware(words), steps=2 if words.tiny else 20
        ):
            report(line)
    except RuntimeError as error:  # a compiler's, perhaps: the rest is worth knowing all the same
        report(f"training fails: {error}"[:2000])
    report(f"\ntiles of {side} x {side} LR pixels\n\n{speeds.HEADING}")
    compiled = ["loupe-x4"] if device.type == "cuda" else []
    for line in speeds.forwards(names, device, side=side, sizes=sizes, compiled=compiled):
        report(line)
        if time.monotonic() - began > _BENCH:
            report("\nthere was no time for more")
            break


def _train(words: argparse.Namespace) -> None:
    if not _unpacked(words):
        raise SystemExit(f"{words.home / ARCHIVE} is not there; make it with pack")
    _device(words)
    recipe = _recipe(words)
    train_for(
        recipe,
        run=Path("runs") / "gpu-day" / recipe.name,
        target=words.out,
        copies=words.home / "copies",
        hardware=_hardware(words),
    )


def _recipe(words: argparse.Namespace) -> Recipe:
    changes = dict(_TINY) if words.tiny else {}
    return day_recipe(words.recipe, words.minutes, changes | parse_assignments(words.set))


def _hardware(words: argparse.Namespace) -> Hardware:
    return Hardware(
        accelerator=words.accelerator,
        devices=1,
        workers=0 if words.tiny else words.workers,
        samples="device",
        compiled=not words.eager,
    )


def _device(words: argparse.Namespace) -> torch.device:
    device = torch.device(words.accelerator)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no GPU; rehearse with --accelerator cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "processor"
    print(f"{name}, PyTorch {torch.__version__}", flush=True)
    return device


def _unpacked(words: argparse.Namespace) -> bool:
    """Unpack what travelled, if it is there, where data sets are found from now on."""
    archive, home = words.home / ARCHIVE, Path("data") / "gpu-day"
    if not archive.is_file():
        return False
    began = time.monotonic()
    names = unpack(archive, home)
    os.environ[FOLDER_VARIABLE] = str(home)
    print(f"{', '.join(names)} in {home} after {time.monotonic() - began:.1f} s", flush=True)
    return True


def _keep(words: argparse.Namespace, name: str, lines: list[str]) -> None:
    words.out.mkdir(parents=True, exist_ok=True)
    (words.out / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
