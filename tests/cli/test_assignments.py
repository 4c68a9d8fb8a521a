from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.cli.assignments import parse_assignments
from geoloupe.errors import InputError

quick = settings(max_examples=80, deadline=None)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("4", 4),
        ("-0.5", -0.5),
        ("1e-4", 1e-4),
        ("true", True),
        ("null", None),
        ("bicubic", "bicubic"),
        ('"4"', "4"),
        ("[1, 2]", [1, 2]),
        ("0.1,0.2", [0.1, 0.2]),
        ("red,green", "red,green"),
        ("", ""),
        ("a=b", "a=b"),
        ('{"depth": [1]}', {"depth": [1]}),
    ],
)
def test_a_word_is_read_as_json_or_stands_for_itself(word: str, value: Any) -> None:
    found = parse_assignments([f"key={word}"])["key"]
    assert found == value
    assert type(found) is type(value)


def test_spaces_around_a_word_do_not_count_and_the_last_word_wins() -> None:
    assert parse_assignments([" scale = 4 ", "mode=fast", "scale=8"]) == {
        "scale": 8,
        "mode": "fast",
    }
    assert parse_assignments([]) == {}


@pytest.mark.parametrize("word", ["scale", "", "=4", "  =4", "scale:4"])
def test_a_word_without_key_or_value_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="write it as key=value"):
        parse_assignments([word])


@pytest.mark.parametrize("word", ["1" * 5000, "[" * 100_000], ids=["digits", "brackets"])
def test_a_word_that_no_reader_of_json_bears_stands_for_itself(word: str) -> None:
    assert parse_assignments([f"key={word}"]) == {"key": word}


@given(text=st.text())
@quick
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_assignments([text])
    except InputError:
        return
    assert isinstance(found, Mapping)
    assert list(found) == [text.partition("=")[0].strip()]
