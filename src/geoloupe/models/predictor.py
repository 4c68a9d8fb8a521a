"""The one place where images go through a network: Image -> tensor -> network -> Image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from geoloupe.errors import InputError, OutOfMemoryError, RunError
from geoloupe.imagery.fill import fill_missing
from geoloupe.imagery.image import Image
from geoloupe.models.bound import Bound, margin_of
from geoloupe.models.devices import device_of
from geoloupe.models.precision import PrecisionChoice, chosen_precision
from geoloupe.models.transfer import Transfer, transfer_to
from geoloupe.networks.acceleration.accelerate import Engine, accelerate
from geoloupe.networks.observation import Observation
from geoloupe.networks.signature import Signature

if TYPE_CHECKING:
    from geoloupe.models.model import Model


class PredictorOptions(TypedDict, total=False):
    """How a model is run, by keyword."""

    device: str
    precision: PrecisionChoice
    engine: Engine
    ensemble: bool
    bound: bool | float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A model prepared for one device, precision and engine."""

    network: Any  # (lr, guide) -> sr
    signature: Signature
    name: str
    rings: int  # how far missing pixels are filled from their neighbours, in LR pixels
    transfer: Transfer  # to the device and back
    ensemble: bool = False  # the mean of eight answers
    observation: Observation | None = None  # the sensor that must see in an answer what it saw
    bound: float | None = None  # the margin of the `Bound` on answers; None: no bound

    @classmethod
    def of(
        cls,
        model: "Model",
        *,
        device: str = "cpu",
        precision: PrecisionChoice = "auto",
        engine: Engine = "torch",
        ensemble: bool = False,
        bound: float | bool | None = None,
    ) -> Self:
        """Make a model ready; engines differ by rounding only.

        Without `bound`, answers are bounded as the model's card says, that is, as scored.
        """
        place = device_of(device)
        model.network.to(place)
        return cls(
            network=accelerate(
                model.network,
                precision=chosen_precision(precision, model.card, place, engine),
                engine=engine,
            ),
            signature=model.network.signature,
            name=model.card.name,
            rings=max(model.margin, 4),
            transfer=transfer_to(place),
            ensemble=ensemble,
            bound=margin_of(model, bound),
        )

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.transfer.device

    def predict(self, image: Image, guide: Image | None = None) -> Image:
        """Enlarge an image; the result has unit values, NaN exactly where a band has no data."""
        return self.predict_all([(image, guide)])[0]

    def predict_all(self, seen: Sequence[tuple[Image, Image | None]]) -> list[Image]:
        """Enlarge images, each with its guide, as `predict` does: together where that is quicker.

        Images of one size go through the network in batches, halved where memory is short.
        """
        answers: dict[int, Image] = {}
        sizes: dict[tuple[int, int], list[int]] = {}
        for number, (image, guide) in enumerate(seen):
            self._check(image, guide)
            sizes.setdefault((image.grid.height, image.grid.width), []).append(number)
        for numbers in sizes.values():
            for start in range(0, len(numbers), self.transfer.batch):
                part = numbers[start : start + self.transfer.batch]
                made = self._batch([seen[number] for number in part])
                answers |= dict(zip(part, made, strict=True))
        return [answers[number] for number in range(len(seen))]

    def _batch(self, seen: Sequence[tuple[Image, Image | None]]) -> list[Image]:
        """Enlarge images of one size at once."""
        units = [image.in_unit() for image, _ in seen]
        guides = [guide.in_unit() for _, guide in seen if guide is not None]
        scale = self.signature.scale
        grid = units[0].grid.finer(scale)
        try:
            answer = self._answer(
                self._tensor(units, 1), self._tensor(guides, scale) if guides else None
            )
        except OutOfMemoryError:
            if len(seen) == 1:
                raise
            half = len(seen) // 2
            return self._batch(seen[:half]) + self._batch(seen[half:])
        answer = answer[..., : grid.height, : grid.width]
        held = [
            self._held(part, image, unit)
            for part, (image, _), unit in zip(answer, seen, units, strict=True)
        ]
        values = self.transfer.down(held[0][None] if len(held) == 1 else torch.stack(held))
        return [_missing_again(*pair, scale) for pair in zip(units, values, strict=True)]

    def super_resolve(self, image: Image, guide: Image | None = None) -> Image:
        """Enlarge an image and store the result as the image is stored."""
        return self.predict(image, guide).in_radiometry(image.radiometry)

    def _check(self, image: Image, guide: Image | None) -> None:
        signature = self.signature
        if signature.bands is not None and len(image.bands) != signature.bands:
            raise InputError(
                f"{self.name} needs {signature.bands} bands, but the image has {len(image.bands)}"
            )
        check_guide(signature, None if guide is None else len(guide.bands), self.name)
        if guide is not None:
            fine = image.grid.finer(signature.scale)
            size, needed = (guide.grid.height, guide.grid.width), (fine.height, fine.width)
            if size != needed:
                raise InputError(f"the guide has {size} pixels, but {needed} are needed")

    def _tensor(self, units: Sequence[Image], step: int) -> Tensor:
        """Fill and pad unit values to the network's smallest size: (N,B,H,W); a guide has step."""
        return self.transfer.up(np.stack([self._filled(unit, step) for unit in units]))

    def _filled(self, unit: Image, step: int) -> NDArray[np.float32]:
        filled = replace(unit, values=fill_missing(unit.values, rings=self.rings * step))
        least = self.signature.minimum * step
        bottom, right = (max(0, least - side) for side in filled.values.shape[1:])
        if bottom or right:
            filled = filled.pad(bottom=bottom, right=right)
        return filled.values

    def disagreement(self, image: Image, guide: Image | None = None) -> NDArray[np.float32]:
        """Return how far eight views of an image disagree (H,W): a deviation in unit values."""
        self._check(image, guide)
        scale = self.signature.scale
        unit = image.in_unit()
        fine = None if guide is None else self._tensor([guide.in_unit()], scale)
        answers = torch.stack(self._answers(self._tensor([unit], 1), fine))[:, 0]
        height, width = image.grid.height * scale, image.grid.width * scale
        answers = self._held(answers[..., :height, :width], image, unit)
        spread: NDArray[np.float32] = answers.std(0).mean(0).cpu().numpy()
        return spread

    def _held(self, answer: Tensor, image: Image, unit: Image) -> Tensor:
        """Hold an answer (...,B,H*scale,W*scale) within the image's range around each pixel."""
        if self.bound is None:
            return answer
        lr = torch.tensor(unit.values, device=self.device)
        bound = Bound.around(lr, margin=self.bound, floor=image.radiometry.floor())
        return bound.clamp(answer, self.signature.scale)

    def _answer(self, lr: Tensor, guide: Tensor | None) -> Tensor:
        """Return (N,B,H*scale,W*scale): the network's answer, or the mean over eight views."""
        if not self.ensemble:
            return self._run(lr, guide)
        return torch.stack(self._answers(lr, guide)).mean(0)

    def _answers(self, lr: Tensor, guide: Tensor | None) -> list[Tensor]:
        """Return the answers to eight views, each turned back."""
        answers = []
        for view in _VIEWS:
            seen = None if guide is None else _view(guide, *view)
            answers.append(_viewed(self._run(_view(lr, *view), seen), *view))
        return answers

    def _run(self, lr: Tensor, guide: Tensor | None) -> Tensor:
        """Call the network on (N,B,H,W); return (N,B,H*scale,W*scale), finite and float32."""
        try:
            with torch.inference_mode():
                answer: Tensor = self.network(lr, guide).float()
        except (RuntimeError, MemoryError) as error:
            if not is_lack_of_memory(error):
                raise
            size = f"{lr.shape[-1]} x {lr.shape[-2]}"
            raise OutOfMemoryError(
                f"{self.name}: a tile of {size} pixels needs more memory than {self.device} has; "
                "choose a smaller tile"
            ) from None
        scale = self.signature.scale
        expected = (*lr.shape[:2], lr.shape[2] * scale, lr.shape[3] * scale)
        assert answer.shape == expected, f"{self.name} gave {tuple(answer.shape)}, not {expected}"
        # One sum reveals any NaN, many times faster; it may overflow where nothing is wrong.
        if not answer.sum().isfinite() and not answer.isfinite().all():
            raise RunError(
                f"{self.name}: the network gave values that are not numbers; if it runs in bf16, "
                "try fp32, else check its weights and the scene's value range"
            )
        if self.observation is not None:
            answer = self.observation.consistent(answer, lr)
        return answer


def _missing_again(unit: Image, values: NDArray[np.float32], scale: int) -> Image:
    """Make an image of unit values (B,H*scale,W*scale), missing where the coarse one is."""
    missing = np.isnan(unit.values)
    if missing.any():
        values[missing.repeat(scale, axis=1).repeat(scale, axis=2)] = np.nan
    valid = unit.valid.repeat(scale, axis=0).repeat(scale, axis=1)
    return replace(unit, values=values, valid=valid, grid=unit.grid.finer(scale))


_VIEWS = tuple((turns, mirrored) for turns in range(4) for mirrored in (False, True))


def _view(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Rotate (...,H,W) by quarter turns, then mirror it."""
    turned = image.rot90(turns, (-2, -1))
    return (turned.flip(-1) if mirrored else turned).contiguous()


def _viewed(image: Tensor, turns: int, mirrored: bool) -> Tensor:
    """Undo a view of (...,H,W)."""
    return (image.flip(-1) if mirrored else image).rot90(-turns, (-2, -1))


def is_lack_of_memory(error: Exception) -> bool:
    """Recognise running out of memory; on the CPU, PyTorch only says so in words."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)


def check_guide(signature: Signature, given: int | None, name: str) -> None:
    """Refuse a guide of `given` bands that a network does not take, or a missing one."""
    needed = signature.guide_bands
    if signature.guided and given is None:
        bands = "" if needed is None else f" of {needed} band{'s' * (needed != 1)}"
        raise InputError(f"{name} needs a guide image{bands}")
    if not signature.guided and given is not None:
        raise InputError(f"{name} takes no guide image; leave it out")
    if given is not None and given != (needed or given):
        raise InputError(f"{name} needs a guide image of {needed} bands, but this one has {given}")
