"""Published weights under their published names -> a network's settings and our state.

Every network class carries the table (`PUBLISHED`) and reads its settings from shapes (`infer`);
this module is the one place that applies them, and that says what is wrong when they do not apply.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from math import isclose
from typing import Any, cast

import torch
from torch import Tensor

from geoloupe import catalog, settings
from geoloupe.errors import InputError
from geoloupe.networks import network_class
from geoloupe.networks.published.name_table import (
    MismatchError,
    published_name,
    rename,
    share_known,
    shown,
)
from geoloupe.networks.published.weight_norm import fit, plain_shapes
from geoloupe.networks.signature import Network

# Where training programs keep the weights, the averaged ones first: they are what was published.
WRAPPERS = (
    "params_ema",
    "model_ema",
    "state_dict_ema",
    "g_ema",
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "generator",
    "netG",
    "weights",
)
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "generator.", "netG.")
RESEMBLES = 0.9  # the share of names from which a network is worth naming as a guess


def strip_wrappers(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Find the named weights inside a checkpoint and take off what training put around them."""
    *_, state = shorter_names(named_weights(content))
    return state


def named_weights(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Find the named weights inside a checkpoint, under their names there."""
    wrapped = _unwrap(content)
    while wrapped is not None:
        content, wrapped = wrapped, _unwrap(wrapped)
    state = {
        name.replace("._orig_mod.", "."): value
        for name, value in content.items()
        if isinstance(value, Tensor)
    }
    if not state:
        inside = f"; it holds {shown(list(content))}" if content else ""
        raise InputError(f"holds no weights under a name that geoloupe knows{inside}")
    return state


def shorter_names(state: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """Yield a state as it is, and again for every prefix that training put before all names."""
    shorter = dict(state)
    yield shorter
    while prefix := next((p for p in PREFIXES if all(n.startswith(p) for n in shorter)), None):
        shorter = {name.removeprefix(prefix): value for name, value in shorter.items()}
        yield shorter


def convert_state(
    network: type[Network], published: Mapping[str, Tensor], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Turn published weights into settings and a state that the network loads strictly."""
    if not network.PUBLISHED:
        raise InputError(f"{network.REFERENCE.title} has no published weights to convert")
    try:
        state, values = recognise(network, published)
        agree(given, values, ("you asked for", "the weights have"))
        values |= given
        ask(network, values)
        return values, _finish(network, state, values)
    except MismatchError as error:
        raise InputError(f"{error}{_better_fit(network, published)}") from None


def recognise(
    network: type[Network], published: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors our names, and read every setting that shapes and published constants tell."""
    state = rename(network, published)
    title = network.REFERENCE.title
    if empty := [published_name(network, name) for name in state if state[name].numel() == 0]:
        raise InputError(f"{shown(empty)} holds no numbers")
    constants = getattr(network, "constants", None)
    try:
        values = dict(network.infer(plain_shapes(state)))
        constant = {} if constants is None else constants(published)
    except KeyError as error:
        missing = published_name(network, str(error.args[0]))
        raise MismatchError(f"lacks {shown([missing])}, which every {title} has") from None
    except (IndexError, ArithmeticError, ValueError, TypeError):
        raise MismatchError(f"has names of {title} but shapes that no {title} has") from None
    if "NaN" in (text := json.dumps(constant)) or "Infinity" in text:
        raise InputError("its constant layers hold NaN or infinity, so that no mean can be read")
    return state, values | constant


def agree(stated: Mapping[str, Any], found: Mapping[str, Any], words: tuple[str, str]) -> None:
    """Refuse settings that contradict each other; `words` name the two sources in the message."""
    for key in stated:
        if key in found and not _same(stated[key], found[key]):
            raise InputError(
                f"{words[0]} {key}={as_text(stated[key])}, but "
                f"{words[1]} {key}={as_text(found[key])}"
            )


def ask(network: type[Network], values: Mapping[str, Any]) -> None:
    """Refuse to guess the settings that no shape tells."""
    missing = {key: why for key, why in network.ASK.items() if key not in values}
    if not missing:
        return
    defaults = {field.name: field.default for field in fields(network.Settings)}
    reasons = "; ".join(f"{key}: {why}" for key, why in missing.items())
    words = " and ".join(f"{key}={as_text(defaults.get(key))}" for key in missing)
    raise InputError(
        f"{network.REFERENCE.title} weights do not tell {' and '.join(missing)} ({reasons}); "
        f"set what it was trained with, such as {words}"
    )


def expected_state(network: type[Network], values: Mapping[str, Any]) -> dict[str, Tensor]:
    """List what a network of these settings would hold, as tensors without memory."""
    built: Any = settings.build(network.Settings, values, network.REFERENCE.title)
    try:
        with torch.device("meta"):
            module = network(built)
    except (RuntimeError, ArithmeticError, ValueError, TypeError):
        title, words = network.REFERENCE.title, [f"{k}={as_text(v)}" for k, v in values.items()]
        raise InputError(f"no {title} can be built with {', '.join(words)}") from None
    return dict(module.state_dict())


def as_text(value: Any) -> str:
    """Write a setting as a person writes it: lists with commas, all else as in JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and len(value) > 1:
        return ",".join(as_text(item) for item in value)
    return json.dumps(value)


def _unwrap(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Step into the dictionary that holds the weights, if this one only surrounds it."""
    inside = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    for key in WRAPPERS:
        if key in inside:
            return cast("Mapping[str, Any]", inside[key])
    if len(inside) == 1 and not any(isinstance(value, Tensor) for value in content.values()):
        return cast("Mapping[str, Any]", next(iter(inside.values())))
    return None


def _finish(
    network: type[Network], state: Mapping[str, Tensor], values: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Return exactly the tensors that the network holds; anything else about them is an error."""
    expected = expected_state(network, values)
    names = {ours: published_name(network, ours) for ours in {*expected, *state}}
    state = fit({name: _float32(tensor, names[name]) for name, tensor in state.items()}, expected)
    # PyTorch before 0.4.1 did not count batches; the count plays no part in the answer.
    counters = {n: torch.tensor(0) for n in expected if n.endswith(".num_batches_tracked")}
    state = {**counters, **state}
    title = network.REFERENCE.title
    if missing := [names[name] for name in expected if name not in state]:
        raise MismatchError(f"lacks {len(missing)} parameters of {title}: {shown(missing)}")
    if extra := [names.get(name, name) for name in state if name not in expected]:
        raise MismatchError(f"holds {len(extra)} names too many for {title}: {shown(extra)}")
    for name, wanted in expected.items():
        if state[name].shape != wanted.shape:
            raise MismatchError(
                f"{shown([names[name]])} has shape {tuple(state[name].shape)}, but this {title} "
                f"has {tuple(wanted.shape)} there{_likely(network, name, values)}"
            )
    return {name: _checked(state[name], wanted, names[name]) for name, wanted in expected.items()}


def _float32(tensor: Tensor, name: str) -> Tensor:
    """Bring any real precision to float32; whole numbers stay, for counters."""
    if tensor.is_complex():
        raise InputError(f"{shown([name])} is complex; geoloupe's networks are real")
    return tensor.float() if tensor.is_floating_point() else tensor


def _checked(tensor: Tensor, wanted: Tensor, name: str) -> Tensor:
    """Copy a tensor in the type wanted, unless it holds what no trained weight is."""
    if wanted.is_floating_point() and not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InputError(f"{shown([name])} holds {kind}, not floating-point weights")
    if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
        raise InputError(f"{shown([name])} holds NaN or infinity; the training that made it failed")
    return tensor.detach().to(wanted.dtype).clone(memory_format=torch.contiguous_format)


def _likely(network: type[Network], name: str, values: Mapping[str, Any]) -> str:
    """Name the settings that this parameter's shape depends on, found by changing each."""
    defaults = network.Settings(**values)
    shape = expected_state(network, values)[name].shape
    found = []
    for field in fields(network.Settings):
        value = getattr(defaults, field.name)
        if type(value) is not int:
            continue
        try:
            changed = expected_state(network, {**values, field.name: value * 2})
        except InputError:  # the settings' own rules refuse this one
            continue
        if name not in changed or changed[name].shape != shape:
            found.append(field.name)
    return f"; it depends on {' and '.join(found)}" if found else ""


def _better_fit(asked: type[Network], published: Mapping[str, Tensor]) -> str:
    """Return which network's weights these are: one that takes them whole, or knows most names."""
    shares = {}
    for name in catalog.names("network"):
        try:
            network = network_class(name)
        except (ImportError, AttributeError):  # a broken plug-in must not hide the real message
            continue
        if network is not asked and network.PUBLISHED:
            shares[name] = share_known(network, published)
    for name, share in shares.items():
        if share == 1 and _fits(network_class(name), published):
            title = network_class(name).REFERENCE.title
            return f"; these are the names of {title}: use network={name}"
    best = max(shares, key=lambda name: shares[name], default="")
    if best and shares[best] >= max(RESEMBLES, share_known(asked, published)):
        return f"; they look most like those of {network_class(best).REFERENCE.title}"
    return ""


def _fits(network: type[Network], published: Mapping[str, Tensor]) -> bool:
    """Return whether a network takes these weights whole, whatever the settings no shape tells."""
    try:
        state, values = recognise(network, published)
        _finish(network, state, values)
    except InputError:
        return False
    return True


def _same(one: Any, other: Any) -> bool:
    """Compare settings: lists as tuples, numbers to the precision that weights are stored in."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=1e-6, abs_tol=1e-6)
    return bool(one == other)
