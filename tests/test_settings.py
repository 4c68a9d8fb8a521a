"""Settings come from people: what fits is taken, what does not is named."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloupe.errors import InputError
from geoloupe.settings import build

quick = settings(max_examples=80, deadline=None)


@dataclass(frozen=True, kw_only=True)
class Example:
    scale: int = 4
    mean: tuple[float, ...] | None = None
    mode: Literal["fast", "exact"] = "exact"
    shifted: bool = True

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise ValueError(f"scale must be 1 or more, not {self.scale}")


def test_what_is_not_given_keeps_its_default() -> None:
    assert build(Example, {}, "example") == Example()
    assert build(Example, {"scale": 2}, "example") == Example(scale=2)


def test_a_list_becomes_the_tuple_that_was_declared() -> None:
    made = build(Example, {"mean": [0, 0.5, 1]}, "example")
    assert made.mean == (0.0, 0.5, 1.0)
    assert hash(made) == hash(Example(mean=(0.0, 0.5, 1.0)))
    assert build(Example, {"mean": None}, "example").mean is None


def test_the_values_handed_in_are_left_as_they_were() -> None:
    values = {"scale": 2, "mean": [0.5]}
    build(Example, values, "example")
    assert values == {"scale": 2, "mean": [0.5]}


def test_an_unknown_key_is_refused_with_the_nearest_and_all_others() -> None:
    with pytest.raises(InputError) as caught:
        build(Example, {"shifts": False}, "example")
    message = str(caught.value)
    assert message.startswith("no setting of example is called 'shifts'; did you mean 'shifted'?")
    assert all(field.name in message for field in fields(Example))


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"scale": "four"}, "scale"),
        ({"scale": 2.5}, "scale"),
        ({"scale": None}, "scale"),
        ({"mode": "slow"}, "mode"),
        ({"shifted": "perhaps"}, "shifted"),
        ({"mean": 0.5}, "mean"),
        ({"mean": [0.5, "x"]}, r"mean\.1"),
    ],
)
def test_a_wrong_type_is_refused_where_it_stands(values: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=f"^example: {place}: "):
        build(Example, values, "example")


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        build(Example, {"scale": "x", "mode": "slow"}, "example")
    assert "scale: " in str(caught.value)
    assert "mode: " in str(caught.value)


def test_a_rule_of_the_settings_themselves_is_told_in_their_words() -> None:
    with pytest.raises(InputError) as caught:
        build(Example, {"scale": -2}, "example")
    assert str(caught.value) == "example: scale must be 1 or more, not -2"
    assert caught.value.__cause__ is None


floats = st.floats(allow_subnormal=False)  # a prepared network may have switched them off
values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(values=st.dictionaries(st.sampled_from(["scale", "mean", "mode", "shifted", "x"]), values))
@quick
def test_any_values_make_settings_or_an_input_error(values: dict[str, Any]) -> None:
    try:
        made = build(Example, values, "example")
    except InputError:
        return
    assert type(made.scale) is int
    assert type(made.shifted) is bool
    assert made.mode in ("fast", "exact")


@dataclass(frozen=True, kw_only=True)
class Renamed:
    OLD_NAMES: ClassVar[dict[str, str]] = {"recipe": "degradation"}

    degradation: str = "bi"
    strength: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    data: Renamed
    last: Renamed | None = None


def test_an_old_name_is_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    found = build(Outer, {"data": {"recipe": "bd"}, "last": {"recipe": "dn"}}, "mine")
    assert (found.data.degradation, found.last.degradation) == ("bd", "dn")  # type: ignore[union-attr]
    assert "mine, data: recipe is now called degradation" in caplog.text


@pytest.mark.parametrize("part", ["data", "last"])
def test_an_unknown_name_inside_is_refused_with_the_nearest(part: str) -> None:
    values = {"data": {}, part: {"strenght": 2}}
    with pytest.raises(InputError, match=f"setting of mine, {part}.*strenght.*strength"):
        build(Outer, values, "mine")
