"""HSENet's non-local attention for inference: blocks of scores that stay in the caches."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geoloupe.networks.acceleration.rewrites.residual import add_onto
from geoloupe.networks.hsenet import BasicModule, NonLocal, SingleScale, attend
from geoloupe.system.measuring import Stopwatch

ROWS, COLUMNS = 256, 1024  # a block of float32 scores is 1 MiB, half of a common L2 cache
_TRIAL_PX, _TRIALS = 48, 3  # a side of the map that both ways are tried on, and how often
SMALLEST_SUM = 1e-30  # far above where float32 loses digits


class BlockedNonLocal(nn.Module):
    """What `NonLocal` computes, with one pass of exp over scores that are never all in memory."""

    def __init__(self, plain: NonLocal) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = plain.query, plain.key, plain.value, plain.out

    def forward(self, x: Tensor, query_map: Tensor | None = None) -> Tensor:
        query = self.query(x if query_map is None else query_map)
        return add_onto(x, self.out(attend_quickly(query, self.key(x), self.value(x))))


class LeanSingleScale(nn.Module):
    """`SingleScale` that writes over its own intermediate maps (N,F,H,W)."""

    def __init__(self, plain: SingleScale) -> None:
        super().__init__()
        self.head, self.main, self.tail = plain.head, plain.main, plain.tail
        self.similar, self.gate = plain.similar, plain.gate

    def forward(self, x: Tensor) -> Tensor:
        head = self.head(x).relu_()
        main = head
        for layer in self.main:
            main = layer(main).relu_()
        if self.similar is not None and self.gate is not None:
            main = main.mul_(torch.sigmoid(self.gate(self.similar(head))))
        return add_onto(x, self.tail(main).relu_())


class LeanBasicModule(nn.Module):
    """`BasicModule` that writes over its own intermediate maps (N,F,H,W)."""

    def __init__(self, plain: BasicModule) -> None:
        super().__init__()
        self.before, self.hybrid, self.after = plain.before, plain.hybrid, plain.after

    def forward(self, x: Tensor) -> Tensor:
        deep = x
        for layer in self.before:
            deep = layer(deep).relu_()
        deep = self.hybrid(deep)
        for layer in self.after:
            deep = layer(deep).relu_()
        return add_onto(x, deep)


def attend_quickly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention over all pixels of maps (N,D,H,W), as is quicker here."""
    plain = query.device.type != "cpu" or query.dtype != torch.float32
    return (attend if plain or not _blocks_are_quicker() else attend_in_blocks)(query, key, value)


@cache
@torch.inference_mode()
def _blocks_are_quicker() -> bool:
    """Try both ways on a small map: which is quicker is another answer on another processor."""
    maps = [torch.rand(1, 32, _TRIAL_PX, _TRIAL_PX) for _ in range(3)]
    maps = [x.contiguous(memory_format=torch.channels_last) for x in maps]
    ways = {"blocks": attend_in_blocks, "plain": attend}
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(_TRIALS):
        for name, way in ways.items():
            with Stopwatch() as clock:
                way(*maps)
            best[name] = min(best[name], clock.processor)
    return best["blocks"] <= best["plain"]


def attend_in_blocks(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention over all pixels of maps (N,D,H,W), equal to `attend` but for rounding."""
    q, k, v = (x.permute(0, 2, 3, 1).flatten(1, 2) for x in (query, key, value))
    found = torch.stack([_attend_one(*tokens) for tokens in zip(q, k, v, strict=True)])
    return found.unflatten(1, query.shape[-2:]).permute(0, 3, 1, 2)


def _attend_one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend with queries (Q,D), keys (K,D), values (K,D)."""
    # Subtracting the mean key shifts each row of scores by a constant, which softmax ignores, and
    # makes |q||k| a bound on them that is close enough to stand in for the row's maximum: exp then
    # needs no pass to find it. The bound rides along as one more column of the product.
    k = k - k.mean(0)
    bound = torch.linalg.vector_norm(q, dim=1) * torch.linalg.vector_norm(k, dim=1).amax()
    q = torch.cat([q, -bound[:, None]], dim=1)
    k = F.pad(k, (0, 1), value=1.0)
    # Blocks of their own: rows of a matrix as wide as the image lie so far apart that they push
    # each other out of the caches.
    blocks = [
        (kb.mT.contiguous(), vb) for kb, vb in zip(k.split(COLUMNS), v.split(COLUMNS), strict=True)
    ]
    out = torch.empty_like(q[:, :-1])
    total = q.new_empty(len(q), 1)
    for top in range(0, len(q), ROWS):
        rows = slice(top, top + ROWS)
        _attend_rows(q[rows], blocks, out[rows], total[rows])
    if total.amin() < SMALLEST_SUM:  # the bound was too loose for some row: take the true maximum
        # (also where the input holds NaN: the comparison is then false and NaN stays visible)
        return _attend_exactly(q[:, :-1], k[:, :-1], v)
    return out.div_(total)


def _attend_rows(
    q: Tensor, blocks: list[tuple[Tensor, Tensor]], out: Tensor, total: Tensor
) -> None:
    """Fill the weighted values (R,D) and the sums of the weights (R,1) of some query rows."""
    for place, (k, v) in enumerate(blocks):
        weights = torch.mm(q, k).exp_()
        if place == 0:
            torch.mm(weights, v, out=out)
            torch.sum(weights, 1, keepdim=True, out=total)
        else:
            out.addmm_(weights, v)
            total.add_(weights.sum(1, keepdim=True))


def _attend_exactly(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (x[None, None].contiguous() for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, scale=1.0)[0, 0]
