"""Where real images lie, for tests that skip without them."""

import os
from pathlib import Path

_BESIDE = Path(__file__).parent.parent.parent / "shared" / "data"
DATA = Path(os.environ.get("GEOLOUPE_REAL_DATA", _BESIDE))
