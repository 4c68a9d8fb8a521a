"""What can go wrong, as the user sees it.

GeoloupeError        never raised itself
+-- InputError       the input is wrong and the message says how to fix it (exit code 2)
+-- RunError         the input is fine but the run failed: disk, memory, engine (exit code 1)
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import ClassVar, Self


class GeoloupeError(Exception):
    """A failure with a message for the user: what is wrong, where, and what to do."""

    exit_code: ClassVar[int] = 1


class InputError(GeoloupeError):
    """A file, option or setting is wrong; the message names it and says what to do."""

    exit_code: ClassVar[int] = 2

    @classmethod
    def unknown(cls, kind: str, word: str, known: Iterable[str]) -> Self:
        """Return the error for an unknown name, with the nearest valid one and all of them."""
        names = sorted(known)
        near = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        return cls(f"no {kind} is called {word!r}{hint} Known: {', '.join(names) or 'none'}")


class RunError(GeoloupeError):
    """The run failed for a reason outside the input, such as a full disk."""


class OutOfMemoryError(RunError):
    """More memory was needed than available; less at once may work."""


def printable(text: str) -> str:
    """Escape what would control a terminal, such as escape sequences in a file's band names.

    Lines stay lines.
    """
    return "".join(
        letter
        if letter.isprintable() or letter == "\n"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


@contextmanager
def errors_named(source: object) -> Iterator[None]:
    """Prefix errors with a file's name, unless they name it or a file in it."""
    try:
        yield
    except InputError as error:
        if str(error).startswith((f"{source}: ", f"{source}{os.sep}")):
            raise
        raise InputError(f"{source}: {error}") from None
