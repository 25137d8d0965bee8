"""The address of this machine, for ``[core] hostname_callable``: machines of the test are addresses of one machine."""

from __future__ import annotations

import os


def address() -> str:
    return os.environ["MACHINE_ADDRESS"]
