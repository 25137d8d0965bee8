from __future__ import annotations

import pytest

from dag_factory.api_server.api.login_limit import MOST_CLIENTS, LoginLimit, Rate, network_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_so_many_come_through_and_then_one_in_each_interval() -> None:
    clock = Clock()
    limit = LoginLimit(Rate(3, 5.0), Rate(100, 1.0), clock)
    assert [limit.take("a") for _ in range(5)] == [0, 0, 0, 5, 5]
    clock.now += 4
    assert limit.take("a") == pytest.approx(1)
    clock.now += 1
    assert [limit.take("a"), limit.take("a")] == [0, 5]
    clock.now += 1_000_000
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 5]


def test_a_client_uses_up_what_is_its_own_and_all_together_what_is_for_all() -> None:
    limit = LoginLimit(Rate(2, 5.0), Rate(5, 9.0), Clock())
    taken = [[limit.take(client) for _ in range(3)] for client in ("a", "b", "c")]
    assert taken == [[0, 0, 5], [0, 0, 5], [0, 9, 9]]
    # What one is refused takes nothing from the others.
    limit.give_back("a")
    assert limit.take("b") == 5
    assert limit.take("d") == 0


def test_a_right_login_is_taken_off_and_more_than_that_is_not() -> None:
    limit = LoginLimit(Rate(1, 5.0), Rate(1, 5.0), Clock())
    for _ in range(10):
        assert limit.take("a") == 0
        limit.give_back("a")
    limit.give_back("a")
    assert [limit.take("a"), limit.take("a")] == [0, 5]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    clock = Clock()
    limit = LoginLimit(Rate(1, 5.0), Rate(9, 5.0), clock)
    limit.take("a")
    clock.now -= 50
    assert limit.take("a") == 5


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_the_addresses_that_one_subscriber_has_are_one_client(client: str, network: str) -> None:
    assert network_of(client) == network


def test_who_has_many_addresses_is_held_back_by_the_rate_of_all_and_fills_no_memory() -> None:
    limit = LoginLimit(Rate(1, 5.0), Rate(50, 1.0), Clock())
    let_through = sum(limit.take(f"192.0.{number // 256}.{number % 256}") == 0 for number in range(MOST_CLIENTS + 100))
    assert let_through == 50
    assert len(vars(limit)["_clients"]) == MOST_CLIENTS
