"""What can go wrong, as a person meets it.

GeoloupeError        never raised itself
+-- InputError       the input is wrong and the message says how to mend it (exit code 2)
+-- RunError         the input is fine but the run failed: disk, memory, engine (exit code 1)
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import ClassVar, Self


class GeoloupeError(Exception):
    """A failure with a message for a person: what is wrong, where, and what to do."""

    exit_code: ClassVar[int] = 1


class InputError(GeoloupeError):
    """A file, option or setting is wrong; the message names it and says what would be right."""

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
    """More memory was needed than there was; less at once may do."""


def printable(text: str) -> str:
    """Write what would command a terminal, as escape sequences in a file's band names do, in words.

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
    """Put the name of a file before what is found wrong with it."""
    try:
        yield
    except InputError as error:
        if str(error).startswith(f"{source}: "):
            raise
        raise InputError(f"{source}: {error}") from None
