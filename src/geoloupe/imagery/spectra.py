"""What a band looks at: the name its file gives, its wavelength, and the name sensors share."""

import re
from dataclasses import dataclass

# From the most particular to the most general: "red edge" is not red, "near infrared" not infrared.
_COMMON_WORDS: tuple[tuple[str, str], ...] = (
    ("panchromatic", r"pan|panchromatic"),
    ("rededge", r"red[ _-]?edge"),
    ("swir1", r"swir[ _-]?1"),
    ("swir2", r"swir[ _-]?2"),
    ("nir", r"nir|near[ _-]?infra[ _-]?red"),
    ("coastal", r"coastal([ _-]aerosol)?"),
    ("red", r"red"),
    ("green", r"green"),
    ("blue", r"blue"),
    ("yellow", r"yellow"),
)

# Sentinel-2's bands in files that say nothing else; what harmonized Landsat calls so is the same.
_COMMON_NAMES = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir"}

# Centre wavelengths in nm as most sensors place them.
_COMMON_RANGES: tuple[tuple[str, float, float], ...] = (
    ("coastal", 400, 450),
    ("blue", 450, 520),
    ("green", 520, 600),
    ("red", 600, 690),
    ("rededge", 690, 750),
    ("nir", 750, 1000),
    ("swir1", 1550, 1750),
    ("swir2", 2050, 2350),
)


@dataclass(frozen=True)
class Band:
    """One band: the name its file gives it ("" for none) and its centre wavelength in nm."""

    name: str = ""
    nm: float | None = None

    @property
    def common(self) -> str | None:
        """The name that sensors share, such as "red" or "nir", or None when nothing tells."""
        for common, words in _COMMON_WORDS:
            if re.search(rf"(?<![a-z])({words})(?![a-z])", self.name.lower()):
                return common
        if self.name in _COMMON_NAMES:
            return _COMMON_NAMES[self.name]
        if self.nm is None:
            return None
        return next((name for name, low, high in _COMMON_RANGES if low <= self.nm < high), None)

    def matches(self, word: str) -> bool:
        """Return whether a person who writes `word` means this band."""
        return word.strip().lower() in {self.name.lower(), self.common}
