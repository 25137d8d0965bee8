"""Whether a store in object storage is the one that this machine knows."""

from __future__ import annotations

from uuid import uuid4

from dag_factory.errors import MissingStoreError, StoreError
from dag_factory.store.memory import Known, Memory, Place, is_known
from dag_factory.store.objects.bucket import Bucket
from dag_factory.store.objects.failures import ChangedError, UncertainError
from dag_factory.store.objects.keys import is_config
from dag_factory.store.own_files import IDENTITY

_MOST_BYTES = 256
# A bucket has neither device nor inode.
_NO_FOLDER = (0, 0)
# A store whose configs were listed. A listing does not say which id it has.
_SEEN = Known(None, is_empty=False)


class ObjectPresence:
    """
    Distinguishes the store from one that was emptied, or another one, by an object that holds its id.

    Between any two requests it may be emptied. So a listing without configs counts only if the id is still the same
    after it, and a new id only if configs are still there.

    :param bucket: the store's objects
    :param memory: what this machine remembers of the store; without it, any store is accepted
    """

    def __init__(self, bucket: Bucket, memory: Memory | None) -> None:
        self._bucket = bucket
        self._memory = memory
        self._known: Known | None = None
        # Whether the last listing has found configs: then no other one is needed to know that.
        self._holds = False
        # Whether any listing of this process has, as long as the memory knows of none.
        self._seen = False

    def note_listing(self, has_configs: bool) -> None:
        """Note whether a listing has found configs: after one that has, this process takes no empty store for it."""
        self._holds = has_configs
        self._seen = self._seen or has_configs

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
        before = self._memory.known()
        if self._seen and (before is None or before.is_empty):
            self._memory.note(_SEEN, instead_of=before)
            before = self._memory.known()
        place = self.check()
        is_empty = not self._holds_configs()
        # If it was replaced meanwhile, another one was listed.
        if is_empty and self.check() != place:
            raise self._replaced()
        identity = place.identity
        if identity is None and not is_empty and (identity := self.give_identity()) is not None:
            self._holds = False
            if not self._holds_configs():
                raise self._replaced()
        known = Known(identity, is_empty)
        # Another process may have written the first config, and noted it, since this one looked.
        self._memory.note(known, instead_of=before)
        if self._seen and self._memory.known() is not None:
            self._seen = False
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
        if self._known is None or self._known.is_empty or not is_known(self._known, place):
            self._known = self._memory.known()
        known = self._known
        if self._seen and (known is None or known.is_empty):
            known = _SEEN
        if known is None or is_known(known, place):
            return True
        return known.identity is None and place.identity is None and self._holds_configs()

    def _holds_configs(self) -> bool:
        if not self._holds:
            self.note_listing(any(map(is_config, self._bucket.list())))
        return self._holds

    def _replaced(self) -> MissingStoreError:
        return MissingStoreError(
            f"config_store '{self._bucket.location}' was emptied or replaced while it was looked at. Retry."
        )

    def _identity(self) -> str | None:
        try:
            return self._bucket.get(IDENTITY, _MOST_BYTES).decode("utf-8", "replace").strip() or None
        except FileNotFoundError:
            return None
