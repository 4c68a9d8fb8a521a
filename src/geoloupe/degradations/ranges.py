"""Ends between which something is drawn, as settings give them."""


def check_range(name: str, ends: tuple[float, float | None], low: float, high: float = 1e6) -> None:
    """Refuse ends that do not rise within [low, high]; a last one of None is known only later."""
    first, last = ends
    if not low <= first <= (first if last is None else last) <= high:
        raise ValueError(f"{name} must rise within {low:g} to {high:g}, not {first} to {last}")
