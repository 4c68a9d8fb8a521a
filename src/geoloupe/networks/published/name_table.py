"""The tables of published names: templates with integers for placeholders, read both ways.

"body_modulist.{n}.tail.{k}.0" -> "body.{n}.after.{k}" stands for every n and k, and for whatever
single leaf follows, such as ".weight" or ".running_mean". None: known, and not needed.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from geoloupe.errors import InputError
from geoloupe.networks.published.weight_norm import PAIR, historic, modern
from geoloupe.networks.signature import Network

LEAF = rf"{re.escape(PAIR)}[01]|\.[A-Za-z_]\w*"
SHOWN = 3  # names in a message: enough to recognise a file by

Rule = tuple[re.Pattern[str], str | None]


class MismatchError(InputError):
    """The names or shapes are not this network's; perhaps they are another's."""


def rename(network: type[Network], published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return published tensors our names, leaving out those that we derive or store otherwise."""
    renamed: dict[str, Tensor] = {}
    unknown, rules = [], _rules(network, False)
    for name, tensor in published.items():
        rule = _find(rules, modern(name))
        if rule is None:
            unknown.append(name)
        elif rule[0] is not None and rule[0] in renamed:
            raise InputError(f"holds {shown([name])} twice, under an old and a new name")
        elif rule[0] is not None:
            renamed[rule[0]] = tensor
    if unknown:
        raise MismatchError(
            f"{len(unknown)} of its {len(published)} names are not those of "
            f"{network.REFERENCE.title}: {shown(unknown)}"
        )
    return renamed


def share_known(network: type[Network], published: Mapping[str, Tensor]) -> float:
    """Measure how many of the names are in a network's table, from 0 to 1."""
    rules = _rules(network, False)
    known = [_find(rules, modern(name)) is not None for name in published]
    return sum(known) / max(len(known), 1)


def published_name(network: type[Network], ours: str) -> str:
    """Return what a published file calls one of our parameters; our name where none is recorded."""
    rule = _find(_rules(network, True), ours)
    return historic(ours if rule is None or rule[0] is None else rule[0])


def shown(names: list[str]) -> str:
    """Quote the first names; they come from a stranger's file, so escapes stay escaped."""
    quoted = ", ".join(repr(name[:120]) for name in names[:SHOWN])
    return quoted + (", ..." if len(names) > SHOWN else "")


def _find(rules: list[Rule], name: str) -> tuple[str | None] | None:
    """Return (the other name,), (None,) where it is not needed, or None where no rule fits."""
    for pattern, template in rules:
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if template is None:
            return (None,)
        return (_fill(template, match.groupdict()) + match["leaf"],)
    return None


def _fill(template: str, numbers: Mapping[str, str]) -> str:
    """Put numbers in their places; {n} stays where any number was as good."""
    return re.sub(r"\{(\w+)\}", lambda gap: numbers.get(gap[1], gap[0]), template)


_COMPILED: dict[tuple[type[Network], bool], list[Rule]] = {}


def _rules(network: type[Network], inverse: bool) -> list[Rule]:
    """Return the compiled table of a network; whole names come before names with a leaf."""
    key = (network, inverse)
    if key not in _COMPILED:
        _COMPILED[key] = _compile(network, inverse)
    return _COMPILED[key]


def _compile(network: type[Network], inverse: bool) -> list[Rule]:
    table: list[tuple[str, str | None]] = list(network.PUBLISHED.items())
    if inverse:
        table = [(ours, theirs) for theirs, ours in table if ours is not None]
    whole = [(re.compile(f"{_pattern(key)}(?P<leaf>)"), value) for key, value in table]
    leafy = [(re.compile(f"{_pattern(key)}(?P<leaf>{LEAF})"), value) for key, value in table]
    return whole + leafy


def _pattern(template: str) -> str:
    """Make a pattern in which a placeholder stands for one integer wherever it appears."""
    parts, seen = [], set[str]()
    for text, key in re.findall(r"([^{]+)|\{(\w+)\}", template):
        if text:
            parts.append(re.escape(text))
        else:
            parts.append(f"(?P={key})" if key in seen else rf"(?P<{key}>[0-9]+)")
            seen.add(key)
    return "".join(parts)
