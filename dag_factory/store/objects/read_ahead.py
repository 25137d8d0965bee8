"""Reads objects ahead, many at once: one by one, thousands would take minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping

MOST_OBJECTS = 256
MOST_BYTES = 32 * 1024 * 1024


class ReadAhead:
    """
    Objects that will be read, each once, in an order that is known.

    :param get_all: returns the content of some objects, without those that are missing
    :param size: returns the size of an object, in bytes
    """

    def __init__(self, get_all: Callable[[list[str]], Mapping[str, bytes]], size: Callable[[str], int]) -> None:
        self._get_all = get_all
        self._size = size
        self._keys: deque[str] = deque()
        self._waiting: set[str] = set()
        self._read: dict[str, bytes | None] = {}

    def expect(self, keys: Iterable[str]) -> None:
        """Replace the list of objects that will be read."""
        self._keys = deque(keys)
        self._waiting = set(self._keys)
        self._read = {}

    def knows(self, key: str) -> bool:
        """Return whether an object is among those that are still to be read."""
        return key in self._waiting or key in self._read

    def take(self, key: str) -> bytes | None:
        """
        Return the content of an object, None where it is missing; the next ones are read with it.

        :raises StoreError: where they can't be read
        """
        if key not in self._read:
            # Those before it were left out.
            while self._keys and self._keys[0] != key:
                self._waiting.discard(self._keys.popleft())
            batch = self._batch()
            self._read = {**dict.fromkeys(batch), **self._get_all(batch)}
        return self._read.pop(key)

    def _batch(self) -> list[str]:
        batch: list[str] = []
        size = 0
        while self._keys and len(batch) < MOST_OBJECTS and (not batch or size < MOST_BYTES):
            key = self._keys.popleft()
            self._waiting.discard(key)
            batch.append(key)
            size += self._size(key)
        return batch


class GrowingReadAhead:
    """
    Objects of which few or all may be read, such as the copies of configs that may be broken.

    The first object is read alone, and each further read fetches up to twice as many as the one before: one broken
    config takes one request, and thousands take few rounds.

    :param get_all: returns the content of some objects, without those that are missing
    :param size: returns the size of an object, in bytes
    """

    def __init__(self, get_all: Callable[[list[str]], Mapping[str, bytes]], size: Callable[[str], int]) -> None:
        self._get_all = get_all
        self._size = size
        self._expected: list[str] = []
        self._places: dict[str, int] = {}
        self._most = 1
        self._read: dict[str, bytes | None] = {}

    def expect(self, keys: Iterable[str]) -> None:
        """Replace the list of objects that may be read, in the order in which they may be."""
        self._expected = list(dict.fromkeys(keys))
        self._places = {key: place for place, key in enumerate(self._expected)}

    def get(self, key: str) -> bytes | None:
        """
        Return the content of an object, None where it is missing; some of the next ones are read with it.

        :raises StoreError: where they can't be read
        """
        if key not in self._read:
            batch = self._batch(key)
            self._read = {**dict.fromkeys(batch), **self._get_all(batch)}
        return self._read[key]

    def _batch(self, key: str) -> list[str]:
        place = self._places.get(key)
        if place is None:
            return [key]
        batch: list[str] = []
        size = 0
        for each in self._expected[place : place + self._most]:
            size += self._size(each)
            if batch and size > MOST_BYTES:
                break
            batch.append(each)
        self._most = min(2 * self._most, MOST_OBJECTS)
        return batch
