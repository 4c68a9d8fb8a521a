"""Say whether a tag may be released: everything that names a version must name the tag's.

    python tools/release.py v0.2.0
    python tools/release.py --built    # whether dist holds both wheels, and geoloupe's is small

It needs nothing but Python. The version stands in `src/geoloupe/version.py`; what cannot read it
there repeats it, and is compared here.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_DATED = r"\(\d{4}-\d{2}-\d{2}\)"
REPEATED = {  # what else names the version, and the line that does
    "CITATION.cff": r"^version: (\S+)$",
    "conda/recipe.yaml": r'^  version: "(\S+)"$',
    "pyproject.toml": r'^papers = \["geoloupe-papers==(\S+)"\]',
}
WHEELS = ("geoloupe", "geoloupe_papers")
MOST = 9_999_999  # bytes of geoloupe's own wheel; what is larger belongs in a package of its own


def version(root: Path = ROOT) -> str:
    """Return the version of the tree."""
    return _named(root / "src/geoloupe/version.py", r'^__version__ = "(\S+)"$')


def faults(root: Path, tag: str) -> Iterator[str]:
    """Say everything that keeps a tag from being released."""
    found = version(root)
    if tag != f"v{found}":
        yield f"the tag is {tag}, but src/geoloupe/version.py says {found}"
    yield from differing(root)
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(found)} {_DATED}$", text, re.MULTILINE):
        yield f"CHANGELOG.md has no section `## {found} (YYYY-MM-DD)`"
    if not re.search(r"^## Unreleased", text, re.MULTILINE):
        yield "CHANGELOG.md has no section `## Unreleased` for what comes next"


def differing(root: Path) -> Iterator[str]:
    """Say which files repeat another version than the tree's."""
    found = version(root)
    for name, pattern in REPEATED.items():
        repeated = _named(root / name, pattern)
        if repeated != found:
            yield f"{name} says {repeated}, but src/geoloupe/version.py says {found}"


def misbuilt(root: Path) -> Iterator[str]:
    """Say what is wrong with the wheels in `dist`."""
    for name in WHEELS:
        wheel = root / "dist" / f"{name}-{version(root)}-py3-none-any.whl"
        if not wheel.is_file():
            yield f"dist has no {wheel.name}; run make dist"
        elif name == WHEELS[0] and wheel.stat().st_size > MOST:
            yield f"{wheel.name} has {wheel.stat().st_size:,} bytes, and may have at most {MOST:,}"


def _named(path: Path, pattern: str) -> str:
    match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise SystemExit(f"{path}: no line like {pattern}")
    return match[1]


def main() -> None:
    """Read the tag, or `--built`, and end with what is wrong."""
    if len(sys.argv) != 2:
        raise SystemExit("say the tag: python tools/release.py v0.2.0")
    word = sys.argv[1]
    found = list(misbuilt(ROOT) if word == "--built" else faults(ROOT, word))
    sound = "both wheels are in dist" if word == "--built" else f"{word} may be released"
    print("\n".join(found) or sound)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
