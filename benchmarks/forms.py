"""The forms in which a case is run: textbook, plain, prepared, and prepared in other ways."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from benchmarks.cases import Case, build, inputs
from benchmarks.textbook import TEXTBOOK

Run = Callable[[], Tensor]
Precision = Literal["fp32", "bf16"]
Engine = Literal["torch", "compile", "openvino", "onnxruntime"]


@dataclass(frozen=True, kw_only=True)
class Form:
    """What computes a case, and for the prepared kind how it is prepared."""

    kind: Literal["textbook", "plain", "prepared"]
    precision: Precision = "fp32"
    engine: Engine = "torch"

    @property
    def title(self) -> str:
        """Name the form in a table."""
        if self.kind != "prepared" or self == PREPARED:
            return self.kind
        return f"{self.engine} {self.precision}"


TEXTBOOK_FORM, PLAIN, PREPARED = Form(kind="textbook"), Form(kind="plain"), Form(kind="prepared")


def prepare(form: Form, case: Case, network: Any) -> Run:
    """Bring a network into a form; the returned call computes the last stage of the case's input.

    Preparing makes this process take denormal numbers for zero; workers keep that apart.
    """
    lr, guide = inputs(case, network.settings.scale)
    if form.kind == "textbook":
        forward = TEXTBOOK[case.network]
        return lambda: forward(network, lr, guide)
    if form.kind == "plain":
        return last_stage(network, lr, guide)
    from geoloupe.networks.acceleration.accelerate import accelerate

    prepared = accelerate(network, precision=form.precision, engine=form.engine)
    return last_stage(prepared, lr, guide)


def last_stage(network: Any, lr: Tensor, guide: Tensor | None) -> Run:
    """Make the call that runs a network or its prepared form."""

    def run() -> Tensor:
        answer: Tensor = network.stages(lr, guide)[-1]
        return answer

    return run


def start(form: Form, case: Case) -> Run:
    """Build the case's network anew and bring it into a form."""
    network: nn.Module = build(case)
    return prepare(form, case, network)
