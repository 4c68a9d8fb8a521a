"""The house's rules that a program can check: who may import whom, and how long things may be."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "geoloupe"
LAYERS = (
    {"errors", "version"},
    {"catalog", "settings", "system"},
    {"imagery"},
    {"storage"},
    {"rasters", "networks", "degradations", "metrics"},
    {"models", "reports"},
    {"datasets"},
    {"scenes"},
    {"evaluation"},
    {"training"},
    {"studies", "xarray", "notebook"},
    {"app"},
    {"cli"},
    {"rio"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TORCH = (
    *("networks/", "models/", "scenes/", "training/", "studies/"),
    *("datasets/samples/patches.py", "system/measuring.py", "system/processor.py"),
)
FORBIDDEN = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "manager"}
FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))
PYTHON = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "tools")
    for path in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in path.parts
)


def imported(path: Path) -> Iterator[str]:
    """List the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(name: str) -> str:
    """Name the layer's member that a file or a module belongs to."""
    return name.replace("/", ".").removeprefix("geoloupe.").split(".")[0]


@pytest.mark.parametrize("name", [name for name in FILES if part(name) in RANK])
def test_imports_point_to_layers_above_only(name: str) -> None:
    here = part(name)
    for module in imported(SOURCE / name):
        if not module.startswith("geoloupe.") or part(module) not in RANK:
            continue
        there = part(module)
        assert there == here or RANK[there] < RANK[here], f"{name} imports {module}"


def neighbours(name: str) -> set[str]:
    """List the modules of ours that one imports, wherever in it; types alone do not count."""
    tree = ast.parse((SOURCE / name).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("geoloupe"):
            inside = node.module.removeprefix("geoloupe").lstrip(".").replace(".", "/")
            parts = [f"{inside}/{alias.name}.py".lstrip("/") for alias in node.names]
            modules = {part for part in parts if part in FILES}
            if len(modules) < len(parts):
                modules |= {f"{inside}.py", f"{inside}/__init__.py".lstrip("/")} & set(FILES)
            found |= modules
    return found - {name}


def test_no_module_imports_itself_through_others() -> None:
    """Neither inside a package nor through the package's own `__init__`."""
    graph = {name: neighbours(name) for name in FILES}
    while True:
        leaves = {name for name, others in graph.items() if not others}
        if not leaves:
            break
        graph = {name: others - leaves for name, others in graph.items() if name not in leaves}
    circle = sorted(name for name, others in graph.items() if others)
    assert circle == []


def test_every_module_has_a_layer() -> None:
    known = {*RANK, "__init__", "__main__"}
    assert {part(name.removesuffix(".py")) for name in FILES} <= known


@pytest.mark.parametrize("name", FILES)
def test_torch_and_rasterio_stay_where_they_belong(name: str) -> None:
    roots = {module.split(".")[0] for module in imported(SOURCE / name)}
    assert "torch" not in roots or name.startswith(TORCH)
    assert "rasterio" not in roots or name.startswith("rasters/")


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_fit_one_head(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert path.stem not in FORBIDDEN
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


@pytest.mark.parametrize(
    "statement", ["import geoloupe", "import geoloupe.networks", "import geoloupe.cli"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    program = (
        f"{statement}; import sys; print([m for m in ('torch', 'rasterio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_sorted_and_there() -> None:
    import geoloupe

    assert geoloupe.__all__ == sorted(geoloupe.__all__)
    assert all(getattr(geoloupe, name) is not None for name in geoloupe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'upscal'"):
        _ = geoloupe.upscal
