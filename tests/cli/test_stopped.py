"""Stopped by a key: one sentence, on Windows by Ctrl+Break too."""

import signal
import subprocess
import sys

import pytest

from geoloupe.cli import INTERRUPTED, STOPPED

# A signal that this system has stands for the one that it lacks.
PRESSED = """
import os, signal, time
signal.SIGBREAK = signal.SIGUSR1
from geoloupe import cli

def work(*words, **more):
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(10)

cli.app = work
cli.main()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs a spare signal")
def test_ctrl_break_is_an_orderly_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESSED], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stdout) == (INTERRUPTED, "")
    assert done.stderr.strip() == f"geoloupe: {STOPPED}"
