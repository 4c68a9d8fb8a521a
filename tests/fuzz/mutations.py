"""Ways in which a file goes wrong: each changes bytes by rng."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

_EXTREMES = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\x01\x00\x00\x00",
    b"\x00\x00\x80\x7f",
)
_STRANGE = (
    b"-1",
    b"0",
    b"1e999",
    b"null",
    b"NaN",
    b"[]",
    b"{}",
    b'""',
    b"99999999999999999999",
    b"../x",
)
# What may stand in JSON where something else is meant: a lone surrogate is no text.
_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e300, 10**25, float("nan"), "", "../x", "\ud800", "a\0b", "nowhere"),
    *([], [None], [[]], {}, {"a": {}}, "x" * 5000),
)


def truncated(content: bytearray, rng: random.Random) -> bytearray:
    return content[: rng.randrange(len(content))]


def flipped(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randrange(1, 9)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def flipped_in_front(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randrange(1, 5)):
        content[rng.randrange(min(len(content), 300))] = rng.randrange(256)
    return content


def flipped_at_the_end(content: bytearray, rng: random.Random) -> bytearray:
    for _ in range(rng.randrange(1, 5)):
        content[-rng.randrange(1, min(len(content), 400))] = rng.randrange(256)
    return content


def zeroed(content: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(content))
    last = min(first + rng.randrange(1, 200), len(content))
    content[first:last] = bytes(last - first)
    return content


def cut_out(content: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(content))
    del content[first : first + rng.randrange(1, 100)]
    return content


def doubled(content: bytearray, rng: random.Random) -> bytearray:
    first = rng.randrange(len(content))
    part = content[first : first + rng.randrange(1, 100)]
    content[first:first] = part
    return content


def extreme(content: bytearray, rng: random.Random) -> bytearray:
    near = rng.choice((min(len(content), 400), len(content)))
    place = rng.randrange(max(near - 4, 1))
    content[place : place + 4] = rng.choice(_EXTREMES)
    return content


def another_word(content: bytearray, rng: random.Random) -> bytearray:
    """Put a strange value where a text has a number or a word."""
    words = list(re.finditer(rb"[A-Za-z0-9.]+", content[:20000]))
    if words:
        word = rng.choice(words)
        content[word.start() : word.end()] = rng.choice(_STRANGE)
    return content


def another_value(content: bytearray, rng: random.Random) -> bytearray:
    """Put a strange value somewhere in JSON, which stays JSON; in other files, a strange word."""
    try:
        root = json.loads(content)
    except ValueError:
        return another_word(content, rng)
    places: list[tuple[Any, Any]] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        places += [(node, key) for key in keys]
        waiting += [node[key] for key in keys if isinstance(node[key], dict | list)]
    if places:
        node, key = rng.choice(places)
        node[key] = rng.choice(_VALUES)
    return bytearray(json.dumps(root).encode())


def lost(content: bytearray, rng: random.Random) -> None:
    """Leave nothing of a file."""


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    *(truncated, flipped, flipped_in_front, flipped_at_the_end),
    *(zeroed, cut_out, doubled, extreme, another_word),
)
OF_PRODUCTS: tuple[Callable[[bytearray, random.Random], bytearray | None], ...] = (
    *MUTATIONS,
    *(another_value, another_value, lost),
)
"""Ways for products of many files, too, which mostly say in JSON what they are."""
