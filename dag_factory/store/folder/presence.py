"""Whether a folder is the config store that this machine knows, or what is left where that one was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dag_factory.errors import MissingStoreError
from dag_factory.store.folder.identity import IDENTITY, give_identity, read_identity
from dag_factory.store.folder.listing import Identity, identity_of, keys_in
from dag_factory.store.memory import Known, Memory


@dataclass(frozen=True)
class Place:
    """
    The store that a path leads to.

    :param identity: its id, None where it has none
    :param folder: device and inode of its folder: another one where a link was swapped
    """

    identity: str | None
    folder: Identity


class Presence:
    """
    Tells the store from an unmounted folder, and from another store.

    :param root: the store's folder
    :param memory: what this machine remembers of the store; without it any folder will do
    """

    def __init__(self, root: Path, memory: Memory | None = None) -> None:
        self._root = root
        self._memory = memory
        self._known: Known | None = None

    def check(self) -> Place:
        """
        Return which store is there.

        :raises MissingStoreError: where it is not the one that is known
        """
        with self._opened() as (_, place):
            return place

    def give_identity(self) -> None:
        """
        Make sure that a store that is about to be written to has an id, if that is possible.

        :raises MissingStoreError: where it is not the one that is known
        """
        with self._opened() as (descriptor, place):
            if self._memory is not None and place.identity is None:
                self._give_identity(descriptor)

    def remember(self) -> Known | None:
        """
        Note which store is there, for the next time; return what there is to know of it, None without a memory.

        A store that holds something and has no id is given one, if that is possible. An empty folder is not: it may be
        where the store is to be mounted.

        :raises MissingStoreError: where it is not the one that is known
        """
        if self._memory is None:
            return None
        with self._opened() as (descriptor, place):
            identity, is_empty = place.identity, self._is_empty()
            if identity is None and not is_empty:
                identity = self._give_identity(descriptor)
            known = Known(identity, is_empty)
        self._memory.note(known)
        return known

    def confirm_absence(self) -> None:
        """
        Make sure that what was not found is missing itself, and not its whole store.

        A machine that never knew the store can't tell it from an empty mount point. So a folder that holds nothing at
        all counts as one, since the caller has a DAG that came from the store.

        :raises MissingStoreError: where the store may only be out of reach
        """
        if self.check().identity is None and self._is_empty():
            raise MissingStoreError(f"config_store '{self._root}' holds no configs at all. Is it mounted here?")

    @contextmanager
    def _opened(self) -> Iterator[tuple[int, Place]]:
        try:
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise no_folder(self._root) from None
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            try:
                place = Place(read_identity(descriptor), identity_of(os.fstat(descriptor)))
            except OSError as error:
                raise self._unreadable(error) from error
            self._check(place)
            yield descriptor, place
        finally:
            # It was only looked at, so an error here means nothing.
            with suppress(OSError):
                os.close(descriptor)

    def _check(self, place: Place) -> None:
        if self._memory is None:
            return
        # What is no longer empty must not be replaced, and somebody may have had the store forgotten.
        if self._known is None or self._known.is_empty or not _is(self._known, place):
            self._known = self._memory.known()
        if self._known is None or _is(self._known, place):
            return
        if self._known.identity is None and place.identity is None:
            if not self._is_empty():
                return
            raise MissingStoreError(
                f"config_store '{self._root}' is empty, but held configs before. Is it mounted? If it is "
                "meant to be empty, put an empty file 'defaults.yaml' into it."
            )
        what = "has no file" if place.identity is None else "has another id in its file"
        raise MissingStoreError(
            f"config_store '{self._root}' is not the one that this Airflow knows: it {what} '{IDENTITY}'. Is it "
            "mounted? If it was replaced on purpose, run 'airflow openmetadata-dag-factory adopt-store' on this "
            f"machine, or delete '{self._memory.path}'."
        )

    def _is_empty(self) -> bool:
        try:
            unlisted: dict[str, str] = {}
            return next(keys_in(self._root, {}, unlisted), None) is None and not unlisted
        except OSError as error:
            raise self._unreadable(error) from error

    def _give_identity(self, descriptor: int) -> str | None:
        try:
            return give_identity(descriptor)
        except OSError:
            return None  # a read-only store works as well

    def _unreadable(self, error: OSError) -> MissingStoreError:
        return MissingStoreError(f"config_store '{self._root}' can't be listed: {error.strerror}. Is it mounted?")


def no_folder(root: Path) -> MissingStoreError:
    """Return what is to be said of a store where there is no folder."""
    return MissingStoreError(
        f"config_store '{root}' is not a folder. Create it, mount it, or set "
        "[openmetadata_dag_factory] config_store to the folder that holds the configs."
    )


def _is(known: Known, place: Place) -> bool:
    """Return whether a place is sure to be the store that is known, or nothing is lost by its being another one."""
    if known.is_empty:
        return True
    # One that had none may have been given an id since.
    return place.identity is not None and known.identity in (None, place.identity)
