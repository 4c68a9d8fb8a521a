"""RGB super-resolution networks of others, as the package spandrel knows them, under our tiling.

spandrel reads a network's kind and settings from the names and shapes of its weights. It is given
tensors that were read here, never a file.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from geoloupe import settings as strict
from geoloupe.errors import InputError
from geoloupe.networks.modest import Modest, refuse_gaps
from geoloupe.networks.padding import pad_to_multiple
from geoloupe.networks.published.conversion import agree, shorter_names
from geoloupe.networks.published.name_table import shown
from geoloupe.networks.ranges import check_ranges
from geoloupe.networks.signature import Adapter, Reference, Signature

MAX_SCALE = 16
TOLERANCE = 1e-4  # between an answer here and spandrel's own, which is clamped to [0, 1]
_PROBE = 16  # LR pixels


@dataclass(frozen=True, kw_only=True)
class ZooSettings:
    """What spandrel says of a network."""

    architecture: str  # spandrel's identifier of it
    scale: int
    bands: int = 3
    multiple: int = 1  # of which its input must be, in pixels
    minimum: int = 1  # that its input must have

    def __post_init__(self) -> None:
        for name in ("scale", "bands", "multiple", "minimum"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        check_ranges(self)


@dataclass(frozen=True)
class _Original:
    """A state as it came; it never changes, so copies of a network share it."""

    tensors: dict[str, Tensor]

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Zoo(Adapter):
    """(N,3,H,W) in [0, 1] -> (N,3,H*scale,W*scale), not clamped."""

    Settings: ClassVar[type] = ZooSettings
    REFERENCE: ClassVar[Reference] = Reference(
        title="RGB network of spandrel",
        task="RGB, any architecture that spandrel knows",
        scales=(2, 3, 4, 8),
        paper="of its architecture",
    )
    BANDS: ClassVar[tuple[str, ...] | None] = ("red", "green", "blue")

    def __init__(self, settings: ZooSettings, body: nn.Module, state: Mapping[str, Tensor]) -> None:
        super().__init__(settings)
        self.signature = Signature(scale=settings.scale, bands=settings.bands, tile=64, margin=16)
        self.body = body
        self._original = _Original(dict(state))

    def stages(self, lr: Tensor, guide: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answer as the only stage."""
        settings = self.settings
        height, width = (side * settings.scale for side in lr.shape[-2:])
        padded = pad_to_multiple(lr, settings.multiple, minimum=settings.minimum)
        # One image at a time, which is all that spandrel promises; and a copy, since some networks
        # write on their input, in the plain layout, since others take views of it.
        plain = torch.contiguous_format
        answers = [self.body(image.clone(memory_format=plain)) for image in padded.split(1)]
        return (torch.cat(answers)[..., :height, :width],)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the state as it came: some networks rename it, and could not read that again."""
        return dict(self._original.tensors)

    @classmethod
    def adapt(cls, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Self:
        """Build the network that spandrel recognises in a state, and try it on a small image."""
        found, named = _recognised(_plain(state))
        facts = _facts(found)
        values = strict.build(ZooSettings, facts | dict(settings), "zoo")
        agree(settings, facts, ("its settings say", "spandrel sees"))
        network = cls(values, found.model, named)
        network.requires_grad_(False).eval()
        _prove(network, found)
        return network


def _spandrel() -> Any:
    """Import spandrel, which imports torchvision."""
    try:
        return import_module("spandrel")
    except ModuleNotFoundError:
        raise InputError(
            "networks of the zoo need more packages: pip install 'geoloupe[zoo]'"
        ) from None
    except Exception as error:  # such as a torchvision made for another build of torch
        raise InputError(
            f"spandrel is installed but cannot be imported ({_said(error)}); it needs the "
            f"torchvision that belongs to torch {torch.__version__}"
        ) from error


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of their own, real and finite, floating point as float32."""
    kept = {}
    for name, tensor in state.items():
        if tensor.is_complex() or tensor.numel() == 0:
            raise InputError(f"{shown([name])} is {'complex' if tensor.numel() else 'empty'}")
        value = tensor.float() if tensor.is_floating_point() else tensor
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(f"{shown([name])} holds NaN or infinity")
        kept[name] = value.detach().clone(memory_format=torch.contiguous_format)
    return kept


def _recognised(state: Mapping[str, Tensor]) -> tuple[Any, dict[str, Tensor]]:
    """Return what spandrel makes of a state, and the state under the names that it knew."""
    spandrel = _spandrel()
    refuse_gaps(state)
    numbers = sum(tensor.numel() for tensor in state.values())
    for named in shorter_names(state):
        try:
            with Modest(numbers), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other packages' code: not the user's business
                # Copies of the dictionary: spandrel writes on the one that it is given.
                return spandrel.ModelLoader(device="cpu").load_from_state_dict(dict(named)), named
        except spandrel.UnsupportedModelError:
            continue
        except InputError:
            raise
        except Exception as error:  # anything, where shapes do not fit one another
            raise InputError(f"spandrel cannot build its network ({_said(error)})") from error
    version = getattr(spandrel, "__version__", "")
    raise InputError(f"spandrel {version} knows no network of these names: {shown(list(state))}")


def _facts(found: Any) -> dict[str, Any]:
    """Read what spandrel says of a network; refuse all but plain RGB super-resolution."""
    name, scale, sizes = found.architecture.id, found.scale, found.size_requirements
    into, out = found.input_channels, found.output_channels
    if found.purpose != "SR" or scale == 1:
        raise InputError(
            f"{name} of purpose {found.purpose} and factor {scale} does not enlarge scenes; only "
            "networks for super-resolution are taken"
        )
    if (into, out) != (3, 3):
        raise InputError(f"this {name} makes {out} bands of {into}; only RGB to RGB is taken")
    if sizes.square:
        raise InputError(f"this {name} takes square images only, and scenes are not")
    if not 1 < scale <= MAX_SCALE or scale != int(scale):
        raise InputError(f"this {name} enlarges {scale} times; 2 to {MAX_SCALE} are taken")
    return {
        "architecture": str(name),
        "scale": int(scale),
        "bands": int(into),
        "multiple": int(sizes.multiple_of),
        "minimum": max(1, int(sizes.minimum)),
    }


def _prove(network: Zoo, found: Any) -> None:
    """Refuse a network whose module does not answer alone as spandrel does around it."""
    name, scale = network.settings.architecture, network.settings.scale
    height = max(_PROBE, network.settings.minimum)
    width = height + 1
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    try:
        with torch.inference_mode():
            answer, theirs = network(image), found.eval()(image.clone())
    except Exception as error:  # it may rely on anything
        raise InputError(f"this {name} does not run on a plain image ({_said(error)})") from error
    wanted = (1, 3, height * scale, width * scale)
    if answer.shape != wanted:
        raise InputError(f"this {name} answered with {tuple(answer.shape)}, not {wanted}")
    if not bool(answer.isfinite().all()):
        raise InputError(f"this {name} answered with values that are not numbers")
    if not bool(((answer.clamp(0, 1) - theirs).abs() < TOLERANCE).all()):
        raise InputError(
            f"this {name} does not give one answer to one image, or not by its module alone"
        )


def _said(error: Exception) -> str:
    """Return the first words of an error of others, safe to print."""
    lines = str(error).strip().splitlines() or [""]
    return ascii(f"{type(error).__name__}: {' '.join(lines)}")[1:-1][:200]
