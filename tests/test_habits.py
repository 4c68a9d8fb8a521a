"""What a forge, a packager and a contributor read agrees with the tree."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from tools import release

ROOT = Path(__file__).parent.parent
PAPERS = ROOT / "papers"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _project(folder: Path = ROOT) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def _commands(workflow: Any) -> list[str]:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def test_the_version_stands_in_one_place_and_the_others_repeat_it() -> None:
    assert _project()["tool"]["hatch"]["version"]["path"] == "src/geoloupe/version.py"
    assert not list(release.differing(ROOT))


def test_the_wheel_of_weights_reads_the_same_version_and_licence() -> None:
    place = _project(PAPERS)["tool"]["hatch"]["version"]["path"]
    assert (PAPERS / place).samefile(ROOT / "src/geoloupe/version.py")
    assert (PAPERS / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    built = [
        project["project"]["name"].replace("-", "_") for project in map(_project, (ROOT, PAPERS))
    ]
    assert built == list(release.WHEELS)


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A tree of which version 0.9.0 may be released."""
    texts = {
        "src/geoloupe/version.py": '__version__ = "0.9.0"\n',
        "CITATION.cff": "title: x\nversion: 0.9.0\n",
        "conda/recipe.yaml": 'context:\n  version: "0.9.0"\n',
        "pyproject.toml": 'papers = ["geoloupe-papers==0.9.0"]\n',
        "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n## 0.9.0 (2027-01-02)\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_tag_that_agrees_may_be_released(ready: Path) -> None:
    assert list(release.faults(ready, "v0.9.0")) == []


@pytest.mark.parametrize(
    ("name", "was", "now", "said"),
    [
        ("src/geoloupe/version.py", "0.9.0", "0.9.1", "the tag is v0.9.0"),
        ("CITATION.cff", "0.9.0", "0.8.0", "CITATION.cff says 0.8.0"),
        ("conda/recipe.yaml", "0.9.0", "0.8.0", "conda/recipe.yaml says 0.8.0"),
        ("pyproject.toml", "0.9.0", "0.8.0", "pyproject.toml says 0.8.0"),
        ("CHANGELOG.md", "(2027-01-02)", "", "no section `## 0.9.0"),
        ("CHANGELOG.md", "## Unreleased", "", "no section `## Unreleased`"),
    ],
)
def test_a_tag_that_does_not_agree_is_told_why(
    ready: Path, name: str, was: str, now: str, said: str
) -> None:
    (ready / name).write_text((ready / name).read_text().replace(was, now))
    assert any(said in fault for fault in release.faults(ready, "v0.9.0"))


def test_a_release_has_both_wheels_and_the_programs_is_small(ready: Path) -> None:
    ours, papers = (
        ready / "dist" / f"{name}-0.9.0-py3-none-any.whl"
        for name in ("geoloupe", "geoloupe_papers")
    )
    ours.parent.mkdir()
    ours.write_bytes(bytes(9_999_999))
    (fault,) = release.misbuilt(ready)
    assert f"dist has no {papers.name}" in fault
    papers.write_bytes(bytes(12_000_000))
    assert list(release.misbuilt(ready)) == []
    ours.write_bytes(bytes(10_000_000))
    (fault,) = release.misbuilt(ready)
    assert fault == f"{ours.name} has 10,000,000 bytes, and may have at most 9,999,999"


def test_the_conda_recipe_asks_for_what_the_package_asks_for() -> None:
    wanted = [Requirement(text) for text in _project()["project"]["dependencies"]]
    expected = {f"{CONDA_NAMES.get(one.name, one.name)} {one.specifier}" for one in wanted}
    expected.add(f"python {_project()['project']['requires-python']}")
    recipe = _yaml(ROOT / "conda/recipe.yaml")
    assert set(recipe["requirements"]["run"]) == expected
    assert recipe["build"]["python"]["entry_points"] == [
        f"{name} = {place}" for name, place in _project()["project"]["scripts"].items()
    ]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_exists_with_no_more_rights_than_they_need(path: Path) -> None:
    workflow = _yaml(path)
    assert workflow["permissions"] == {"contents": "read"}
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in _commands(workflow):
        for target in re.findall(r"\bmake ([a-z]+)", line):
            assert target in targets, line
        for name in re.findall(r"\b(?:tests|tools)/[\w/.]+", line):
            assert (ROOT / name).exists(), line
        assert "secrets." not in line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_by_digest_and_say_their_version(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_every_supported_python_and_system_is_tried() -> None:
    matrix = _yaml(ROOT / ".github/workflows/tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert f">={matrix['python'][0]}" == _project()["project"]["requires-python"]
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


def test_all_extras_but_dev_are_tried_at_their_oldest() -> None:
    """The extra `papers` is a folder of this tree and is asked of no registry."""
    extras = set(_project()["project"]["optional-dependencies"]) - {"dev", "papers"}
    (line,) = [
        line
        for line in _commands(_yaml(ROOT / ".github/workflows/tests.yml"))
        if "lowest-direct" in line
    ]
    named = re.search(r"\.\[(.*)\]", line)
    assert named is not None
    assert set(named[1].split(",")) == extras
    assert "--editable ./papers " in line


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_forms_are_such_as_the_forge_takes(path: Path) -> None:
    form = _yaml(path)
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": False}
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names) > 0
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


@pytest.mark.parametrize("name", ["fault.yml", "scores.yml"])
def test_a_report_of_a_fault_comes_with_what_doctor_prints(name: str) -> None:
    fields = {field.get("id"): field for field in _yaml(FORMS[0].parent / name)["body"]}
    assert "geoloupe doctor" in fields["doctor"]["attributes"]["label"]
    assert fields["doctor"]["validations"]["required"] is True


def test_hooks_fetch_nothing() -> None:
    (repository,) = _yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert set(hooks) == {"format", "lint", "types"}
    assert all(hook["language"] == "system" for hook in hooks.values())
    assert all(hook["entry"].startswith(".venv/bin/python -m ") for hook in hooks.values())
