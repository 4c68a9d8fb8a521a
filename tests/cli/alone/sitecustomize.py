"""Notes and refuses every look-up and connection beyond this machine, in any Python that finds it.

On the PYTHONPATH it is imported at the start, also by the processes that a process starts.
"""

import os
import sys
import traceback
from typing import Any

LOG = os.environ["GEOLOUPE_TEST_NETWORK_LOG"]
LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
CONNECTIONS = ("socket.connect", "socket.sendto", "socket.sendmsg")
HERE = ("localhost", "127.", "::1", "0.0.0.0")


def watch(event: str, told: tuple[Any, ...]) -> None:
    """Refuse what names another machine."""
    if event in LOOKUPS:
        host = told[0]
    elif event in CONNECTIONS and isinstance(told[1], tuple):  # else a path of this machine's
        host = told[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if not name.startswith(HERE):
        with open(LOG, "a", encoding="utf-8") as log:
            where = "".join(traceback.format_stack(limit=6))
            log.write(f"{event} {name}, {sys.argv}\n{where}\n")
        raise OSError(f"{event} of {name}")


sys.addaudithook(watch)
