"""
A config store as one file: a tar of its configs and defaults, for a backup or a move to another store.

It holds ``configs/<key>`` for each file, those of defaults first, and then ``export.json``, which says how it was made.
Since that comes last, an archive without it is not whole. No secret is in it in the clear: each is encrypted as a
deploy does, or left out and named.

What is not in it: the marker and the other notes of a store, which the new store makes by itself, and the last good
versions, which the next parse keeps again.
"""

from __future__ import annotations

import stat

FOLDER = "configs/"
MANIFEST = "export.json"
FORMAT = 1

ENCRYPTED, LEFT_OUT = "encrypted", "left-out"
"""What becomes of secrets."""

MODE = stat.S_IRUSR | stat.S_IWUSR
