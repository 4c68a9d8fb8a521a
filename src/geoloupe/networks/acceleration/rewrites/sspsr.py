"""SSPSR's block with its two scaled residuals folded."""

import torch
from torch import Tensor, nn

from geoloupe.networks.acceleration.rewrites.folding import scale_output
from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.sspsr import RESIDUAL_SCALE, SpatialSpectralBlock


class FusedBlock(nn.Module):
    """`SpatialSpectralBlock` in as few passes over memory as it has results (N,F,H,W)."""

    def __init__(self, plain: SpatialSpectralBlock) -> None:
        super().__init__()
        self.space1, self.space2 = plain.space1, scale_output(plain.space2, RESIDUAL_SCALE)
        self.spectrum1, self.spectrum2 = plain.spectrum1, plain.spectrum2
        self.squeeze, self.expand = plain.gate.squeeze, plain.gate.expand

    def forward(self, x: Tensor) -> Tensor:
        x = add_onto(x, self.space2(self.space1(x).relu_()))
        y = self.spectrum2(self.spectrum1(x).relu_())
        gate = torch.sigmoid(self.expand(self.squeeze(y.mean((2, 3), keepdim=True)).relu_()))
        return torch.addcmul(x, y, gate * RESIDUAL_SCALE)
