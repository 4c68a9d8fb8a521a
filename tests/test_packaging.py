"""The container's recipe and the paper, checked without docker and without LaTeX."""

import fnmatch
import re
import tomllib
from pathlib import Path

import yaml
from tools.release import WHEELS, version

ROOT = Path(__file__).parent.parent


def _instructions() -> list[tuple[str, str]]:
    """Read the Dockerfile as its instructions, comments left out and lines joined."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
        for line in joined.splitlines()
        if line.strip()
    ]


def _last_stage() -> list[tuple[str, str]]:
    found = _instructions()
    begins = [place for place, (word, _) in enumerate(found) if word == "FROM"]
    return found[begins[-1] :]


def test_both_stages_begin_with_the_same_small_supported_python() -> None:
    images = [text.split()[0] for word, text in _instructions() if word == "FROM"]
    assert len(images) == 2
    assert len(set(images)) == 1
    named = re.fullmatch(r"python:(3\.\d+)-slim", images[0])
    assert named is not None
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    assert named[1] in workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]


def test_what_runs_is_not_root() -> None:
    stage = _last_stage()
    words = [word for word, _ in stage]
    (user,) = [text for word, text in stage if word == "USER"]
    (made,) = [text for word, text in stage if word == "RUN"]
    assert user not in ("root", "0")
    assert re.search(rf"useradd .*--uid (\d+) {user}\b", made)
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "RUN" not in words[words.index("USER") :]


def test_what_is_copied_is_there_and_let_through() -> None:
    """The wheels are what `make dist` makes; nothing else of the tree reaches the image."""
    patterns = [
        text.split()[0]
        for word, text in _instructions()
        if word == "COPY" and not text.startswith("--from")
    ]
    assert patterns == ["constraints.txt", "dist/*.whl"]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored == ["*", *(f"!{pattern}" for pattern in patterns)]
    assert (ROOT / "constraints.txt").is_file()
    for name in WHEELS:
        assert fnmatch.fnmatch(f"dist/{name}-{version()}-py3-none-any.whl", patterns[1])


def test_the_program_is_one_that_the_wheel_installs() -> None:
    (entry,) = [text for word, text in _last_stage() if word == "ENTRYPOINT"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert entry == str([next(iter(project["scripts"]))]).replace("'", '"')


def test_the_image_installs_both_wheels_within_constraints_and_refuses_cuda() -> None:
    (line,) = [text for word, text in _instructions() if word == "RUN" and "venv" in text]
    assert "--constraint /tmp/constraints.txt /tmp/*.whl" in line
    assert "--no-cache-dir" in line
    check = re.search(r"python -c '([^']+)'", line)
    assert check is not None
    compile(check[1], "Dockerfile", "exec")
    assert "torch.version.cuda" in check[1]


def test_no_address_is_built_in() -> None:
    assert "://" not in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_paper_cites_what_its_bibliography_holds() -> None:
    paper = (ROOT / "paper.md").read_text(encoding="utf-8")
    _, head, body = paper.split("---\n", 2)
    facts = yaml.safe_load(head)
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= set(facts)
    known = {str(one["index"]) for one in facts["affiliations"]}
    assert {str(one["affiliation"]) for one in facts["authors"]} <= known
    entries = (ROOT / facts["bibliography"]).read_text(encoding="utf-8")
    held = re.findall(r"^@\w+\{(\w+),$", entries, re.MULTILINE)
    assert len(set(held)) == len(held)
    assert set(re.findall(r"@(\w+)", body)) == set(held)
    for heading in ("Summary", "Statement of need", "Acknowledgements", "References"):
        assert f"\n# {heading}\n" in f"\n{body}"
    assert 250 <= len(body.split()) <= 1750


def test_the_papers_figures_are_those_of_the_documents() -> None:
    paper = (ROOT / "paper.md").read_text(encoding="utf-8")
    results = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    row = re.search(
        r"^\| loupe-x4 \| bi \|.*\| \+([\d.]+) \(\+([\d.]+) to \+([\d.]+)\)", results, re.MULTILINE
    )
    assert row is not None
    gain, low, high = (f"{float(text):.2f}" for text in row.groups())
    assert f"gains {gain} dB" in paper
    assert f"{low} to {high}" in paper
    choosing = (ROOT / "docs/choosing.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| `loupe-x4` \| \S+ \S+ \| \+([\d.]+),", choosing, re.MULTILINE)
    assert f"gains {cells[0]} dB on aerial photographs and {cells[-1]} dB on Landsat's" in paper
