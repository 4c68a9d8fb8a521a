"""An error says what is wrong and what would be right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloupe.errors import GeoloupeError, InputError, RunError, printable

KNOWN = ("sspsr", "hsenet", "mulsr")


def test_the_exit_code_tells_wrong_input_from_a_failed_run() -> None:
    assert (InputError.exit_code, RunError.exit_code) == (2, 1)
    assert issubclass(InputError, GeoloupeError)
    assert issubclass(RunError, GeoloupeError)
    assert not issubclass(InputError, RunError)


def test_an_unknown_name_is_answered_with_the_nearest_and_all_in_order() -> None:
    error = InputError.unknown("network", "hsnet", KNOWN)
    assert str(error) == (
        "no network is called 'hsnet'; did you mean 'hsenet'? Known: hsenet, mulsr, sspsr"
    )


@pytest.mark.parametrize("word", ["SSPSR", "Sspsr", "sspr", "ssspsr"])
def test_case_and_slips_of_the_hand_are_seen_through(word: str) -> None:
    assert "did you mean 'sspsr'?" in str(InputError.unknown("network", word, KNOWN))


def test_nothing_near_is_not_guessed() -> None:
    error = InputError.unknown("network", "zzz", KNOWN)
    assert str(error) == "no network is called 'zzz'. Known: hsenet, mulsr, sspsr"


def test_nothing_known_is_said() -> None:
    assert str(InputError.unknown("degradation", "x", ())).endswith("Known: none")


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in str(InputError.unknown("network", "\x1b[2Jhsenet\n", KNOWN))


def test_a_subclass_makes_its_own_kind() -> None:
    class SpecialError(InputError):
        pass

    assert type(SpecialError.unknown("network", "x", KNOWN)) is SpecialError


@given(st.text())
def test_what_is_printable_commands_no_terminal_and_keeps_its_lines(text: str) -> None:
    found = printable(text)
    assert all(letter.isprintable() or letter == "\n" for letter in found)
    assert found.count("\n") == text.count("\n")
    assert printable("naïve 影像 ²") == "naïve 影像 ²"
