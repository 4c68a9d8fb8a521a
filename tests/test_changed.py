"""`make check` finds the tests of what changed, and stops when its time is up."""

import subprocess
import sys
from pathlib import Path

import pytest
from tools.changed import changed_files, nearest

ROOT = Path(__file__).parent.parent

FILES = {
    "src/geoloupe/imagery/grid.py": "SIDE = 1\n",
    "src/geoloupe/imagery/fill.py": "",
    "tests/imagery/test_grid.py": "from geoloupe.imagery import grid\n",
    "tests/scenes/test_plan.py": "from geoloupe.imagery.grid import SIDE\n",
    "tests/imagery/small.py": "",
    "tests/imagery/test_fill.py": "from tests.imagery.small import draw\n",
    "tools/ship.py": "",
    "tests/test_ship.py": "from tools import planting, ship\n",
    "tests/test_other.py": "from tools import shipping\n",
    "docs/page.md": "",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _git(tree: Path, *words: str) -> None:
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *me, *words], cwd=tree, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            "src/geoloupe/imagery/grid.py",
            ["tests/imagery/test_grid.py", "tests/scenes/test_plan.py"],
        ),
        ("src/geoloupe/imagery/fill.py", ["tests/imagery/test_fill.py"]),
        ("tests/imagery/test_grid.py", ["tests/imagery/test_grid.py"]),
        ("tests/imagery/small.py", ["tests/imagery/test_fill.py"]),
        ("tools/ship.py", ["tests/test_ship.py"]),
        ("docs/page.md", []),
        ("src/geoloupe/gone.py", []),
    ],
)
def test_a_change_is_judged_by_its_own_tests(tree: Path, changed: str, expected: list[str]) -> None:
    assert nearest(tree, [Path(changed)]) == expected


def test_the_nearest_tests_of_every_change_come_first(tree: Path) -> None:
    both = [Path(f"src/geoloupe/imagery/{name}.py") for name in ("grid", "fill")]
    assert nearest(tree, both)[:2] == ["tests/imagery/test_grid.py", "tests/imagery/test_fill.py"]


def test_committed_and_uncommitted_changes_count_and_those_of_main_do_not(tree: Path) -> None:
    _git(tree, "init", "-b", "main")
    _git(tree, "add", ".")
    _git(tree, "commit", "-m", "first")
    _git(tree, "switch", "-c", "mine")
    (tree / "tools/ship.py").write_text("A = 1\n")
    _git(tree, "commit", "-am", "mine")
    _git(tree, "switch", "main")
    (tree / "docs/page.md").write_text("theirs\n")
    _git(tree, "commit", "-am", "theirs")
    _git(tree, "switch", "mine")
    (tree / "src/geoloupe/imagery/grid.py").write_text("SIDE = 2\n")
    (tree / "tools/new.py").write_text("")
    found = {path.as_posix() for path in changed_files(tree, "main")}
    assert found == {"tools/ship.py", "src/geoloupe/imagery/grid.py", "tools/new.py"}


TWO = """
def test_first():
    pass

def test_second():
    raise AssertionError
"""


def _run(path: Path, seconds: float) -> tuple[int, str]:
    """Run in a process of its own, since pytest inside pytest shares too much."""
    program = (
        f"import sys; from tools.changed import run; sys.exit(run([{str(path)!r}], {seconds}))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_time_did_not_allow_is_said_and_what_failed_fails(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TWO)
    code, said = _run(tmp_path / "test_two.py", 0)
    assert code == 0
    assert "2 tests left out after 0 s" in said
    assert "test_two.py" in said
    code, said = _run(tmp_path / "test_two.py", 60)
    assert code == 1
    assert "left out" not in said
