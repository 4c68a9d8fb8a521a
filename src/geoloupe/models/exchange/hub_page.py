"""What lies beside weights on a hub: a page for people, and what programs and catalogues read."""

import json
import re
from collections.abc import Iterator

from geoloupe.models.card import WEIGHTS_FILE
from geoloupe.models.exchange.stac_mlm import mlm_item
from geoloupe.models.model import Model, plain_settings
from geoloupe.networks.summary import parameter_count
from geoloupe.version import __version__

_LICENCES = (  # that hubs know, by their SPDX ids
    *("Apache-2.0", "MIT", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0"),
    *("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "GPL-3.0", "LGPL-3.0", "AGPL-3.0", "MPL-2.0"),
)


def hub_texts(model: Model, repository: str) -> dict[str, str]:
    """Return the texts beside a model's weights, by file name."""
    return {
        "README.md": _page(model, repository),
        "config.json": _json(_config(model)),
        "mlm.json": _json(mlm_item(model, licence_id(model.card.licence) or "other")),
    }


def licence_id(text: str | None) -> str | None:
    """Return the SPDX id that a card's licence begins with, if it is a well-known one."""
    first = re.split(r"[;,\s]", (text or "").strip(), maxsplit=1)[0].lower()
    return next((name for name in _LICENCES if name.lower() == first), None)


def _config(model: Model) -> dict[str, object]:
    card, signature = model.card, model.network.signature
    return {
        "model_type": "geoloupe",
        "architectures": [type(model.network).__name__],
        "name": card.name,
        "network": card.network,
        "settings": plain_settings(model.network),
        "scale": signature.scale,
        "bands": card.bands,
        "guide_bands": signature.guide_bands,
        "weights": WEIGHTS_FILE,
        "digest": model.digest,
        "geoloupe_version": __version__,
    }


def _page(model: Model, repository: str) -> str:
    return "\n".join([*_head(model), *_body(model, repository)]) + "\n"


def _head(model: Model) -> Iterator[str]:
    """Yield the page's front matter; JSON is YAML."""
    licence = licence_id(model.card.licence)
    yield "---"
    yield "library_name: geoloupe"
    yield "pipeline_tag: image-to-image"
    yield "tags: [super-resolution, remote-sensing, geospatial, safetensors, stac-mlm]"
    yield f"license: {licence.lower() if licence else 'other'}"
    if licence is None:
        yield f"license_name: {json.dumps(model.card.licence or 'not stated')}"
    yield "---"
    yield ""


def _body(model: Model, repository: str) -> Iterator[str]:
    card, signature = model.card, model.network.signature
    folder = repository.partition("/")[2]
    guide = " --guide finer.tif" if signature.guided else ""
    yield f"# {card.name}\n"
    yield f"{card.notes or f'Remote-sensing images, {signature.scale} times finer.'}\n"
    yield "```sh"
    yield "pip install 'geoloupe[hub]'"
    yield f"geoloupe models pull hub:{repository} -o {folder}"
    yield f"geoloupe upscale scene.tif --model {folder}{guide}"
    yield "```\n"
    count = parameter_count(model.network)
    facts = {
        "Network": f"{model.network.REFERENCE.title}, {count:,} parameters",
        "Scale": f"x{signature.scale}",
        "Bands": ", ".join(card.bands or ()) or str(signature.bands or "any"),
        "Trained on": card.trained_on,
        "Not for": card.not_for,
        "Licence": card.licence or "not stated",
        "Digest": f"`{model.digest}`",
    }
    yield from ("| | |", "|---|---|")
    yield from (f"| {key} | {_cell(value)} |" for key, value in facts.items() if value)
    for score in card.scores:
        yield f"\n## {score.data}, x{score.scale}, protocol {score.protocol}\n"
        yield from ("| | this model | bicubic |", "|---|---|---|")
        for metric, value in score.values.items():
            plain = score.bicubic.get(metric)
            yield f"| {metric} | {value:.4f} | {'' if plain is None else f'{plain:.4f}'} |"
    yield (
        "\nDetail finer than the input's pixels is likely, not seen. The weights are safetensors, "
        "which carry no code; their header holds the whole card, and `mlm.json` is a STAC item."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
