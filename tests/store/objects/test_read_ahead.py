"""Objects that are read ahead: how many requests at once, and which."""

from __future__ import annotations

from dag_factory.store.objects.read_ahead import MOST_BYTES, MOST_OBJECTS, GrowingReadAhead


class Objects:
    """Objects of one size, and what was asked for at once."""

    def __init__(self, *keys: str, size: int = 1) -> None:
        self.keys = keys
        self.rounds: list[list[str]] = []
        self.ahead = GrowingReadAhead(self._get_all, lambda key: size)

    def _get_all(self, keys: list[str]) -> dict[str, bytes]:
        self.rounds.append(keys)
        return {key: key.encode() for key in keys if key in self.keys}


KEYS = [f"{number:04}" for number in range(2_000)]


def test_the_first_one_comes_alone_and_thousands_take_few_rounds() -> None:
    objects = Objects(*KEYS)
    objects.ahead.expect(KEYS)
    assert [objects.ahead.get(key) for key in KEYS] == [key.encode() for key in KEYS]
    assert objects.rounds[0] == ["0000"]
    assert [len(each) for each in objects.rounds[1:9]] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert len(objects.rounds) == 15
    assert max(map(len, objects.rounds)) == MOST_OBJECTS


def test_one_that_is_asked_for_twice_is_read_once_and_one_that_nobody_expected_comes_alone() -> None:
    objects = Objects("a", "b", "x")
    objects.ahead.expect(["a", "b", "c"])
    assert [objects.ahead.get(key) for key in ("a", "a", "b", "c", "x")] == [b"a", b"a", b"b", None, b"x"]
    assert objects.rounds == [["a"], ["b", "c"], ["x"]]


def test_large_ones_are_read_a_few_at_a_time() -> None:
    objects = Objects("a", "b", "c", size=MOST_BYTES)
    objects.ahead.expect("abc")
    for key in "abc":
        objects.ahead.get(key)
    assert objects.rounds == [["a"], ["b"], ["c"]]
