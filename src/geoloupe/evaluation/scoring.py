"""All scores of one image: the protocol's, and the metrics the user adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

from geoloupe import catalog
from geoloupe.errors import InputError
from geoloupe.imagery.image import Image
from geoloupe.metrics.metric import Metric
from geoloupe.metrics.protocols import Protocol
from geoloupe.metrics.trust import RISING, trust

TRUST = "trust"


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """A protocol, and metrics of images as they are: no quantisation, no border cropped."""

    protocol: Protocol
    added: Mapping[str, Metric]
    trust: bool

    @classmethod
    def of(cls, protocol: str, added: str) -> Self:
        """Find a protocol by name, and metrics by comma-separated names."""
        words = [word.strip() for word in added.split(",") if word.strip()]
        known = [*catalog.names("metric"), TRUST]
        for word in words:
            if word not in known:
                raise InputError.unknown("metric", word, known)
        chosen = cast("Protocol", catalog.resolve("protocol", protocol))
        return cls(
            protocol=chosen,
            # A score with the name of one of the protocol's is a different score: rename it.
            added={
                f"{word} (plain)" if word in chosen.metrics else word: cast(
                    "Metric", catalog.resolve("metric", word)
                )
                for word in words
                if word != TRUST
            },
            trust=TRUST in words or chosen.trust,
        )

    def higher_is_better(self, name: str) -> bool:
        """Return whether more of a score is better."""
        metric = self.protocol.metrics.get(name) or self.added.get(name)
        return name in RISING if metric is None else metric.higher_is_better

    def score(self, lr: Image, sr: Image, hr: Image, scale: int) -> dict[str, float]:
        """Score one image, leaving out scores undefined for it."""
        scores = self.protocol.score(sr, hr, scale)
        scores |= {name: metric.score(sr, hr, scale) for name, metric in self.added.items()}
        if self.trust:
            measures = trust(lr, sr, hr, scale).to_dict().items()
            scores |= {name: value for name, value in measures if value is not None}
        return scores
