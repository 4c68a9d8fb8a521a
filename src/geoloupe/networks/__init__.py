"""The networks: tensors to tensors. Importing this package imports no torch until one is built."""

from typing import TYPE_CHECKING, Any, cast

from geoloupe import catalog, settings

if TYPE_CHECKING:
    from geoloupe.networks.signature import Network


def network_class(name: str) -> "type[Network]":
    """Find a network's class by its catalog name."""
    return cast("type[Network]", catalog.resolve("network", name))


def build(name: str, **values: Any) -> "Network":
    """Make a network with fresh weights: `build("hsenet", scale=4, bands=3)`."""
    chosen = network_class(name)
    return chosen(settings.build(chosen.Settings, values, name))
