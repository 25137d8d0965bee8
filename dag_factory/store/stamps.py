"""Stamps: has a file changed since this machine last opened it?"""

from __future__ import annotations

from typing import NamedTuple


class Stamp(NamedTuple):
    """
    What identifies the content of a file on this machine, found without opening it.

    Unlike a revision, it changes even where somebody replaces a file and restores its size and time; and two machines
    may see different ones of the same file.

    :param text: changes when the file does
    :param is_certain: False where the file may change once more without another text: it has just been changed, or
        can't be looked at
    """

    text: str
    is_certain: bool = True
