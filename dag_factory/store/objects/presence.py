"""Whether a store in object storage is the one that this machine knows."""

from __future__ import annotations

from uuid import uuid4

from dag_factory.errors import MissingStoreError, StoreError
from dag_factory.store.folder.identity import IDENTITY
from dag_factory.store.folder.presence import Place, is_known
from dag_factory.store.memory import Known, Memory
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.failures import ChangedError, UncertainError
from dag_factory.store.objects.keys import is_config

_MOST_BYTES = 256
# A bucket has neither device nor inode.
_NO_FOLDER = (0, 0)


class ObjectPresence:
    """
    Distinguishes the store from one that was emptied, or another one, by an object that holds its id.

    :param bucket: the store's objects
    :param memory: what this machine remembers of the store; without it, any store is accepted
    """

    def __init__(self, bucket: Bucket, memory: Memory | None) -> None:
        self._bucket = bucket
        self._memory = memory
        self._known: Known | None = None
        self.has_listed = False
        """Whether a listing has found configs: then no other one is needed to know that."""

    def check(self) -> Place:
        """
        Return the store at the location.

        :raises MissingStoreError: where it is not the known one, or can't be reached
        """
        place = Place(self._identity(), _NO_FOLDER)
        if place.identity is None:
            self._bucket.require()
        if self._memory is not None and not self._accepts(place):
            what = "has no object" if place.identity is None else "has another id in its object"
            raise MissingStoreError(
                f"config_store '{self._bucket.location}' is not the one that this Airflow knows: it {what} "
                f"'{IDENTITY}'. Was it emptied, or is it another bucket? If it was replaced on purpose, run "
                f"'airflow openmetadata-dag-factory adopt-store' on this machine, or delete '{self._memory.path}'."
            )
        return place

    def give_identity(self) -> str | None:
        """
        Return the id of the store, a new one where it has none; None where it can't be given one.

        :raises MissingStoreError: where it is not the known one, or can't be reached
        """
        if (present := self.check().identity) is not None:
            return present
        identity = uuid4().hex
        try:
            self._bucket.put(IDENTITY, identity.encode(), expected=None)
        except ChangedError:
            return self._identity()
        except (UncertainError, StoreError):
            return None  # a store that can't be written works as well
        return identity

    def remember(self) -> Known | None:
        """
        Remember the store, and return what is known of it; None without a memory.

        :raises MissingStoreError: where it is not the known one, or can't be reached
        """
        if self._memory is None:
            return None
        place = self.check()
        is_empty = not self._holds_configs()
        identity = place.identity
        if identity is None and not is_empty:
            identity = self.give_identity()
        known = Known(identity, is_empty)
        self._memory.note(known)
        return known

    def confirm_absence(self) -> None:
        """
        Make sure that a config that was not found is missing, rather than the whole store.

        :raises MissingStoreError: where the store holds nothing at all
        """
        if self.check().identity is None and not self._holds_configs():
            raise MissingStoreError(
                f"config_store '{self._bucket.location}' holds no configs at all. Is its bucket the right one?"
            )

    def _accepts(self, place: Place) -> bool:
        assert self._memory is not None
        # Read again: the operator may have run `adopt-store`, or the known store may no longer be empty.
        if self._known is None or not is_known(self._known, place):
            self._known = self._memory.known()
        if self._known is None or is_known(self._known, place):
            return True
        return self._known.identity is None and place.identity is None and self._holds_configs()

    def _holds_configs(self) -> bool:
        if not self.has_listed:
            self.has_listed = any(map(is_config, self._bucket.list()))
        return self.has_listed

    def _identity(self) -> str | None:
        try:
            return self._bucket.get(IDENTITY, _MOST_BYTES).decode("utf-8", "replace").strip() or None
        except FileNotFoundError:
            return None
