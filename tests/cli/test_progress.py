"""Where nobody watches a bar, a line a minute says how far a long command is."""

import pytest

from geoloupe.cli import progress
from geoloupe.cli.progress import progress_bar


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Put a clock of ours in place of the real one."""
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_log_has_a_line_a_minute_with_what_is_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("images") as tell:
        for done in range(40, 101):  # forty were done before
            tell(done, 100)
            clock.now += 10
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "images: 46 of 100, about 9 min left"
    assert lines[-1] == "images: 94 of 100, about 1 min left"
    assert len(lines) == 9


def test_work_that_counts_anew_is_reckoned_anew(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar("scenes") as tell:
        for done in range(4):
            tell(done, 3)
            clock.now += 1000
        for done in range(21):
            tell(done, 20)
            clock.now += 15
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scenes: 1 of 3, about 34 min left"
    assert "scenes: 1 of 20, about 5 min left" in lines


@pytest.mark.parametrize("seconds", [1, 1000])
def test_what_is_short_or_hidden_says_nothing(
    clock: Clock, capsys: pytest.CaptureFixture[str], seconds: int
) -> None:
    with progress_bar("tiles", hidden=seconds > 60) as tell:
        for done in range(11):
            tell(done, 10)
            clock.now += seconds
    assert capsys.readouterr() == ("", "")
