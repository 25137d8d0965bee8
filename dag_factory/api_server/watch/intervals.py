"""The waiting times of the folder's watcher."""

from __future__ import annotations

from dataclasses import dataclass, field

from dag_factory.api_server.watch.pending_changes import Debounce


@dataclass(frozen=True)
class Intervals:
    """
    Times in seconds.

    :param debounce: when changes are processed
    :param gather: between a file event and the listing that it causes, since such events come in bunches
    :param poll: between two listings where there are no file events
    :param check: between two checks whether the folders are still the same, where there are file events
    :param look: after which folders are listed without a file event, since links may lead out of them
    :param retry: between two attempts to watch, while another process does or the folder is missing
    :param again: after which a parse is requested again where no marker can be written for the change
    """

    debounce: Debounce = field(default_factory=Debounce)
    gather: float = 0.05
    poll: float = 1.0
    check: float = 1.0
    look: float = 30.0
    retry: float = 2.0
    again: float = 10.0
