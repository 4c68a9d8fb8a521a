"""What the library warns of, kept for whoever shows it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Collector(logging.Handler):
    """Keeps the text of every warning, each one once."""

    def __init__(self, worded: Callable[[str], str]) -> None:
        super().__init__(logging.WARNING)
        self.worded = worded
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, whatever the level of what is printed."""
        text = self.worded(record.getMessage())
        if text not in self.texts:
            self.texts.append(text)


@contextmanager
def collected_warnings(worded: Callable[[str], str] = str) -> Iterator[list[str]]:
    """Yield a list that grows by every warning of the `with` block, as `worded` has it."""
    logger, collector = logging.getLogger("geoloupe"), _Collector(worded)
    logger.addHandler(collector)
    try:
        yield collector.texts
    finally:
        logger.removeHandler(collector)
