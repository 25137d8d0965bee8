"""Takes many configs into a store at once, each only where its file is still as it was when it was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dag_factory.errors import ConfigError

if TYPE_CHECKING:
    from dag_factory.store import ConfigStore

# For so many configs the lock is taken once, and the marker made once. Other writers wait for less than a second.
_BATCH = 50


@dataclass(frozen=True)
class Intake:
    """
    A config to be stored.

    :param data: what its file is to hold
    :param replaces: what its file holds now, None where it is missing
    """

    key: str
    data: bytes
    replaces: bytes | None = None


def take_in(store: ConfigStore, intakes: Iterable[Intake]) -> Iterator[tuple[Intake, ConfigError | None]]:
    """
    Store configs in batches; yield each once it is on disk and covered by a marker, with what has kept it from that.

    A config whose file somebody else has changed or made meanwhile is left as it is.

    :raises StoreError: where the store can't be locked or written; what was not yielded may be stored or not
    """
    remaining = iter(intakes)
    while batch := list(islice(remaining, _BATCH)):
        with store.lock():
            found = [(intake, _stored(store, intake)) for intake in batch]
        yield from found


def _stored(store: ConfigStore, intake: Intake) -> ConfigError | None:
    try:
        present: bytes | None = store.read(intake.key)
    except KeyError:
        present = None
    except ConfigError as error:
        return error.within(intake.key)
    if present == intake.replaces:
        store.write(intake.key, intake.data)
        return None
    return ConfigError("was changed meanwhile, and is left as it is. Run the command again", config=intake.key)
