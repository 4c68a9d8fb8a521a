"""The networks: tensors to tensors. Importing this package imports no torch until one is built."""

from typing import TYPE_CHECKING, Any, cast

from geoloupe import catalog, settings

if TYPE_CHECKING:
    from geoloupe.networks.signature import Adapter, Network

__all__ = ["build", "network_class"]


def network_class(name: str) -> "type[Network]":
    """Find a network's class by its catalog name."""
    return cast("type[Network]", catalog.resolve("network", name))


def adapter_class(name: str) -> "type[Adapter] | None":
    """Find the adapter of that name to networks of another package; None if it is none."""
    if name not in catalog.names("adapter"):
        return None
    return cast("type[Adapter]", catalog.resolve("adapter", name))


def build(name: str, **values: Any) -> "Network":
    """Return a network with fresh weights.

    Args:
        name: The network's name in the catalog.
        **values: Its settings; `geoloupe networks NAME` lists them.

    Returns:
        An nn.Module, called as lr (N,C,H,W) -> sr (N,C,H*scale,W*scale).

    Example:
        >>> network = geoloupe.networks.build("loupe", scale=2)
        >>> sum(weight.numel() for weight in network.parameters()) > 200_000
        True
    """
    chosen = network_class(name)
    return chosen(settings.build(chosen.Settings, values, name))
