"""A model as a STAC item of the Machine Learning Model extension, which catalogues understand."""

import re
from typing import Any

import torch

from geoloupe.models.card import WEIGHTS_FILE
from geoloupe.models.model import Model, plain_settings
from geoloupe.networks.summary import parameter_count

MLM = "https://stac-extensions.github.io/mlm/v1.3.0/schema.json"
_TASKS = ["super-resolution"]
_ORDER = ["batch", "bands", "height", "width"]
_PLAIN = re.compile(r"[^a-zA-Z0-9_.-]+")
_ANY = -1  # of a side that may have any length


def mlm_item(model: Model, licence: str) -> dict[str, Any]:
    """Return the item of a model, whose weights lie beside it; `licence` is an SPDX id or other."""
    card, signature = model.card, model.network.signature
    bands = list(card.bands or ())
    weights = [tensor for tensor in model.network.state_dict().values()]
    inputs = [
        _input("lr", bands, signature.bands, "The image to enlarge, dark at 0 and bright at 1")
    ]
    if signature.guided:
        inputs.append(_input("guide", [], signature.guide_bands, "A finer image of the same place"))
    properties: dict[str, Any] = {
        # The extension's advice for models that are bound to no time.
        "datetime": None,
        "start_datetime": "1900-01-01T00:00:00Z",
        "end_datetime": "9999-12-31T23:59:59Z",
        "title": card.name,
        "description": card.notes or f"{signature.scale} times finer, by {card.network}",
        "license": licence,
        "mlm:name": _name(card.name),
        "mlm:architecture": model.network.REFERENCE.title,
        "mlm:tasks": _TASKS,
        "mlm:framework": "PyTorch",
        "mlm:framework_version": str(torch.__version__),
        "mlm:total_parameters": parameter_count(model.network),
        "mlm:memory_size": sum(tensor.numel() * tensor.element_size() for tensor in weights),
        "mlm:pretrained": True,
        "mlm:accelerator": None,
        "mlm:hyperparameters": plain_settings(model.network),
        "mlm:input": inputs,
        "mlm:output": [_output(signature.bands, signature.scale)],
        "geoloupe:digest": model.digest,
        "geoloupe:scale": signature.scale,
    }
    if card.trained_on:
        properties["mlm:pretrained_source"] = card.trained_on
    if bands:
        properties["bands"] = [{"name": name} for name in bands]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM],
        "id": _name(card.name),
        "geometry": None,
        "properties": properties,
        "links": [],
        "assets": {
            "weights": {
                "href": f"./{WEIGHTS_FILE}",
                "type": "application/octet-stream; framework=pytorch; format=safetensors",
                "title": "Weights, and the card in their header",
                "roles": ["mlm:model", "mlm:weights"],
            }
        },
    }


def _input(name: str, bands: list[str], count: int | None, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "bands": bands,
        "description": about,
        "input": {
            "shape": [_ANY, count or len(bands) or _ANY, _ANY, _ANY],
            "dim_order": _ORDER,
            "data_type": "float32",
        },
    }


def _output(count: int | None, scale: int) -> dict[str, Any]:
    return {
        "name": "sr",
        "tasks": _TASKS,
        "description": f"The same bands on {scale} x {scale} pixels for each",
        "result": {
            "shape": [_ANY, count or _ANY, _ANY, _ANY],
            "dim_order": _ORDER,
            "data_type": "float32",
        },
    }


def _name(text: str) -> str:
    """Return a name that begins with a letter, ends plainly and has three characters or more."""
    plain = _PLAIN.sub("-", text).strip("-_.")
    return plain if len(plain) > 2 and plain[0].isalpha() else f"model-{plain or 'x'}"
