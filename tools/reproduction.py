"""Reckon what the published trainings cost on one GPU, for docs/reproduction.md.

    python -m tools.reproduction

An operation is counted once forward and twice backward. How many a second a GPU does in training,
and how short a step can be, is what one was seen to do: see `_MEASURED` and `_SHORTEST`.
"""

from dataclasses import dataclass

from geoloupe.networks import build
from geoloupe.networks.signature import Network
from geoloupe.networks.summary import multiply_adds
from geoloupe.training.recipe import Recipe, read_recipe

# One H100, bf16, a compiled step of fine-x4: 64 samples of 60 x 60 pixels in 21.9 ms.
_MEASURED = ("fine-x4", 0.0219)
_SHORTEST = 0.0173  # seconds of a step of loupe-x2 there, which launching its kernels takes
_PASSES = 3  # forward, and backward by weights and by maps


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published training: its recipe, and what an epoch is where the recipe counts in them."""

    recipe: str
    samples: int = 0  # in an epoch
    bands: int = 1  # learned from one sample, one after the other

    def row(self, speed: float) -> str:
        """Return a row of Markdown; `speed` is in multiply-adds a second."""
        recipe = read_recipe(self.recipe)
        steps = recipe.schedule.length(self.samples // recipe.batch)
        assert steps is not None
        steps *= self.bands
        hours = steps * max(step_work(recipe) / speed, _SHORTEST) / 3600
        size = f"{recipe.patches.size} x {recipe.patches.size}"
        return (
            f"| `{self.recipe}` | {steps:,} of {recipe.batch} | {size} | "
            f"{step_work(recipe) / 1e12:.2f} | {hours:,.1f} |"
        )


PUBLISHED = (
    Published(recipe="hsenet-ucmerced", samples=945),
    Published(recipe="hsenet-aid", samples=7700),
    Published(recipe="convformersr-oli2msi"),
    Published(recipe="tsfnet-ucmerced", samples=945),
    Published(recipe="tsfnet-nwpu", samples=2025),
    Published(recipe="mulsr-cave", samples=25_000, bands=31),
    Published(recipe="mulsr-harvard", samples=40_000, bands=31),
    Published(recipe="sspsr-chikusei", samples=24_900),
)


def step_work(recipe: Recipe) -> float:
    """Count a training step's multiply-adds."""
    network: Network = build(recipe.network, **recipe.settings)
    bands = (
        1 if recipe.data.bands_at_once else (network.signature.bands or recipe.patches.bands or 3)
    )
    side = recipe.patches.size
    return float(_PASSES * recipe.batch * multiply_adds(network, side, side, bands))


def main() -> None:
    """Print the table."""
    name, seconds = _MEASURED
    speed = step_work(read_recipe(name)) / seconds
    print(f"{2 * speed / 1e12:.0f} TFLOP/s in training\n")
    print("| recipe | steps, of samples | LR pixels | Tmadd a step | GPU hours |")
    print("|---|---:|---:|---:|---:|")
    for published in PUBLISHED:
        print(published.row(speed))


if __name__ == "__main__":
    main()
