"""Limits wrong logins: enough for people who mistype, too few for an attacker who guesses."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_CLIENTS = 10_000


@dataclass(frozen=True)
class Rate:
    """
    :param burst: how many may come at once
    :param seconds: after which there may be one more
    """

    burst: int
    seconds: float


# A person, or a script with an old password, stays below these; a guesser gets 17,000 tries a day from one address, and
# 86,000 from all addresses.
EACH = Rate(10, 5.0)
ALL = Rate(60, 1.0)


class Bucket:
    """A token bucket: how many logins a rate still allows."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._at = now

    def wait(self, now: float) -> float:
        """Return the seconds until a login is allowed, 0 where one is now."""
        self._left = min(self._rate.burst, self._left + max(0.0, now - self._at) / self._rate.seconds)
        self._at = now
        return max(0.0, (1 - self._left) * self._rate.seconds)

    def take(self) -> None:
        """Use up a login, which `wait` has allowed."""
        self._left -= 1

    def give_back(self) -> None:
        """Undo one `take`."""
        self._left = min(self._rate.burst, self._left + 1)


class LoginLimit:
    """
    Limits the wrong logins of each client, and of all clients together.

    Many logins may be under way before the first is known to be wrong. So each counts as wrong from its start, and is
    taken off again unless it was. A client is an address (with IPv6, the 64-bit network of one subscriber), never a
    username: the OpenMetadata server's may be known, and must not be locked out. Behind a proxy, all clients may have
    one address, and share its limit; `Logins` says why that does not affect credentials that were right before.

    :param each: the rate of one client
    :param common: the rate of all
    """

    def __init__(self, each: Rate = EACH, common: Rate = ALL, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = each
        self._clock = clock
        self._all = Bucket(common, clock())
        self._clients: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, client: str) -> float:
        """Return 0 where a client's login may be checked, else the seconds after which it may be."""
        now = self._clock()
        own = self._bucket(client, now)
        wait = max(own.wait(now), self._all.wait(now))
        if wait == 0:
            own.take()
            self._all.take()
        return wait

    def give_back(self, client: str) -> None:
        """Take off a login that was not wrong."""
        self._bucket(client, self._clock()).give_back()
        self._all.give_back()

    def _bucket(self, client: str, now: float) -> Bucket:
        network = network_of(client)
        bucket = self._clients.setdefault(network, Bucket(self._rate, now))
        self._clients.move_to_end(network)
        # An attacker with so many addresses that some are forgotten is held back by the common rate.
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return bucket


def network_of(client: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or the /64 of an IPv6 address; else the text."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
