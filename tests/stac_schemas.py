"""What a STAC item must be, and one of a model or a product: our own words for published schemas.

They were written from STAC 1.0 and 1.1 (item-spec), from version 1.3.0 of the Machine Learning
Model extension, and from projection, raster and electro-optical 2.0.0 and processing 1.2.0; the
published files cannot be fetched where these tests run. They are stricter where we promise more
than is asked.
"""

from typing import Any

TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_TEXT = {"type": "string", "minLength": 1}
_NUMBERS = {"type": "array", "items": {"type": "number"}}

LINK: dict[str, Any] = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": {"href": _TEXT, "rel": _TEXT, "type": _TEXT, "title": _TEXT},
}

ITEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "stac_version", "id", "geometry", "properties", "links", "assets"],
    "properties": {
        "type": {"const": "Feature"},
        "stac_version": {"enum": ["1.0.0", "1.1.0"]},
        "stac_extensions": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "pattern": r"^https://.+/v[\d.]+/schema\.json$"},
        },
        "id": _TEXT,
        "bbox": {**_NUMBERS, "minItems": 4, "maxItems": 4},
        "geometry": {
            "oneOf": [
                {"type": "null"},
                {
                    "type": "object",
                    "required": ["type", "coordinates"],
                    "properties": {
                        "type": {"enum": ["Polygon", "MultiPolygon"]},
                        "coordinates": {"type": "array", "minItems": 1},
                    },
                },
            ]
        },
        "properties": {
            "type": "object",
            "required": ["datetime"],
            "properties": {
                "datetime": {"oneOf": [TIME, {"type": "null"}]},
                "start_datetime": TIME,
                "end_datetime": TIME,
                "created": TIME,
                "title": _TEXT,
                "license": {"type": "string", "pattern": r"^[\w.+-]+$"},
            },
            # No moment needs a span.
            "if": {"properties": {"datetime": {"type": "null"}}},
            "then": {"required": ["start_datetime", "end_datetime"]},
        },
        "links": {"type": "array", "items": LINK},
        "assets": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["href"],
                "properties": {
                    "href": _TEXT,
                    "type": _TEXT,
                    "title": _TEXT,
                    "roles": {"type": "array", "items": _TEXT},
                },
            },
        },
        "collection": _TEXT,
    },
    # A place has a box, and nowhere has none.
    "if": {"properties": {"geometry": {"type": "null"}}},
    "then": {"not": {"required": ["bbox"]}},
    "else": {"required": ["bbox"]},
}

MLM_ADDRESS = "https://stac-extensions.github.io/mlm/v1.3.0/schema.json"
_TASKS = {
    "type": "array",
    "uniqueItems": True,
    "items": {
        "enum": [
            *("regression", "classification", "scene-classification", "detection"),
            *("object-detection", "segmentation", "semantic-segmentation", "super-resolution"),
            *("instance-segmentation", "panoptic-segmentation", "similarity-search"),
            *("generative", "image-captioning"),
        ]
    },
}
_ARRAY = {
    "type": "object",
    "required": ["shape", "dim_order", "data_type"],
    "properties": {
        "shape": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "integer", "minimum": -1},
        },
        "dim_order": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": "^[a-z_-]+$"},
        },
        "data_type": {"enum": ["uint8", "uint16", "int16", "float16", "float32", "float64"]},
    },
}
_INPUT = {
    "type": "object",
    "required": ["name", "bands", "input"],
    "properties": {
        "name": _TEXT,
        "bands": {"type": "array", "items": _TEXT},
        "input": _ARRAY,
        "description": _TEXT,
    },
}
_OUTPUT = {
    "type": "object",
    "required": ["name", "tasks", "result"],
    "properties": {"name": _TEXT, "tasks": _TASKS, "result": _ARRAY, "description": _TEXT},
}
_WHOLE = {"type": "integer", "minimum": 0}
_MLM_FIELDS: dict[str, Any] = {
    "mlm:name": {"type": "string", "pattern": r"^[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]$"},
    "mlm:architecture": {"type": "string"},
    "mlm:framework": {"type": "string", "pattern": r"^[^\s._-](.*[^\s._-])?$"},
    "mlm:framework_version": {
        "type": "string",
        "pattern": r"^\d+\.\d+\.\d+(-[0-9a-zA-Z.-]+)?(\+[0-9a-zA-Z.-]+)?$",
    },
    "mlm:tasks": _TASKS,
    "mlm:memory_size": _WHOLE,
    "mlm:total_parameters": _WHOLE,
    "mlm:pretrained": {"type": "boolean"},
    "mlm:pretrained_source": {"type": ["string", "null"]},
    "mlm:batch_size_suggestion": _WHOLE,
    "mlm:accelerator": {
        "enum": [
            *("amd64", "cuda", "xla", "amd-rocm", "intel-ipex-cpu", "intel-ipex-gpu"),
            *("macos-arm", None),
        ]
    },
    "mlm:hyperparameters": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[0-9a-zA-Z_.-]+$"},
    },
    "mlm:input": {"type": "array", "items": _INPUT},
    "mlm:output": {"type": "array", "items": _OUTPUT},
}

MLM: dict[str, Any] = {
    "allOf": [
        ITEM,
        {
            "required": ["stac_extensions"],
            "properties": {
                "stac_extensions": {"contains": {"const": MLM_ADDRESS}},
                "properties": {
                    "required": [
                        *("mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output")
                    ],
                    "properties": _MLM_FIELDS,
                    # No field of the extension that it does not know.
                    "propertyNames": {"pattern": f"^(?!mlm:)|^({'|'.join(_MLM_FIELDS)})$"},
                },
                "assets": {
                    "minProperties": 1,
                    "additionalProperties": {
                        "required": ["roles"],
                        "properties": {"roles": {"contains": {"const": "mlm:model"}}},
                        "propertyNames": {"pattern": "^(?!mlm:)"},
                    },
                },
            },
        },
        {
            # Bands that an input names are described, as STAC 1.1 does.
            "if": {
                "properties": {
                    "properties": {
                        "properties": {
                            "mlm:input": {"contains": {"properties": {"bands": {"minItems": 1}}}}
                        }
                    }
                }
            },
            "then": {
                "properties": {
                    "stac_version": {"const": "1.1.0"},
                    "properties": {
                        "required": ["bands"],
                        "properties": {
                            "bands": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "object", "required": ["name"]},
                            }
                        },
                    },
                }
            },
        },
    ]
}

_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
EXTENSIONS = {
    "proj": _EXTENSION.format("projection/v2.0.0"),
    "raster": _EXTENSION.format("raster/v2.0.0"),
    "eo": _EXTENSION.format("eo/v2.0.0"),
    "processing": _EXTENSION.format("processing/v1.2.0"),
}
_PLACE: dict[str, Any] = {
    "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z_0-9]+:[0-9A-Za-z]+$"},
    "proj:wkt2": {"type": ["string", "null"]},
    "proj:bbox": {**_NUMBERS, "minItems": 4, "maxItems": 4},
    "proj:shape": {"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2},
    "proj:transform": {**_NUMBERS, "minItems": 6, "maxItems": 6},
}
_MADE: dict[str, Any] = {
    "processing:lineage": _TEXT,
    "processing:datetime": TIME,
    "processing:software": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _TEXT,
    },
}
_PIXEL: dict[str, Any] = {
    "data_type": {
        "enum": [
            *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
            *("float16", "float32", "float64", "cint16", "cint32", "cfloat32", "cfloat64", "other"),
        ]
    },
    "nodata": {"oneOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]},
    "unit": _TEXT,
    "raster:scale": {"type": "number"},
    "raster:offset": {"type": "number"},
    "raster:spatial_resolution": {"type": "number", "exclusiveMinimum": 0},
    "eo:common_name": {
        "enum": [
            *("pan", "coastal", "blue", "green", "green05", "yellow", "red", "rededge"),
            *("rededge071", "rededge075", "rededge078", "nir", "nir08", "nir09", "cirrus"),
            *("swir16", "swir22", "lwir", "lwir11", "lwir12"),
        ]
    },
    "eo:center_wavelength": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
}


def _known(fields: dict[str, Any], *prefixes: str) -> dict[str, Any]:
    """Require fields to be right, and none of these prefixes that the extension does not know."""
    kept = "|".join(name for name in fields if name.startswith(prefixes)) or "^$"
    return {
        "properties": fields,
        "propertyNames": {"pattern": f"^(?!({'|'.join(prefixes)}))|^({kept})$"},
    }


PRODUCT: dict[str, Any] = {
    "allOf": [
        ITEM,
        {
            "required": ["stac_extensions"],
            "properties": {
                "stac_version": {"const": "1.1.0"},
                "stac_extensions": {
                    "items": {"enum": list(EXTENSIONS.values())},
                    "contains": {"const": EXTENSIONS["processing"]},
                },
                "properties": {
                    "allOf": [
                        {"required": ["created", *_MADE]},
                        _known(_PLACE | _MADE, "proj:", "processing:"),
                        {"properties": {"gsd": {"type": "number", "exclusiveMinimum": 0}}},
                    ]
                },
                "assets": {
                    "required": ["data"],
                    "additionalProperties": {
                        "required": ["href", "type", "roles", "data_type", "bands"],
                        **_known(_PIXEL, "raster:", "eo:"),
                        "properties": {
                            **_PIXEL,
                            "bands": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"required": ["name"], **_known(_PIXEL, "raster:", "eo:")},
                            },
                        },
                    },
                },
            },
        },
    ]
}
