"""Whether a folder is the config store that this machine knows, or for example its empty mount point."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dag_factory.errors import MissingStoreError
from dag_factory.store.folder.identity import IDENTITY, give_identity, read_identity
from dag_factory.store.folder.listing import Identity, files_in, identity_of
from dag_factory.store.memory import Known, Memory


@dataclass(frozen=True)
class Place:
    """
    The store that a path leads to.

    :param identity: its id, None where it has none
    :param folder: device and inode of its folder, which change where a link is swapped
    """

    identity: str | None
    folder: Identity


class Presence:
    """
    Distinguishes the store from its empty mount point, and from another store.

    :param root: the store's folder
    :param memory: what this machine remembers of the store; without it, any folder is accepted
    """

    def __init__(self, root: Path, memory: Memory | None = None) -> None:
        self._root = root
        self._memory = memory
        self._known: Known | None = None

    def check(self) -> Place:
        """
        Return the store at the path.

        :raises MissingStoreError: where it is not the known one
        """
        with self._opened() as (_, place):
            return place

    def give_identity(self) -> None:
        """
        Give a store an id before something is written to it, if that is possible.

        :raises MissingStoreError: where it is not the known one
        """
        with self._opened() as (descriptor, place):
            if self._memory is not None and place.identity is None:
                self._give_identity(descriptor)

    def remember(self) -> Known | None:
        """
        Remember the store at the path, and return what is known of it; None without a memory.

        A store with configs but no id gets one, if that is possible. An empty folder does not: it may be the mount
        point.

        :raises MissingStoreError: where it is not the known one
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
        Make sure that a config that was not found is missing, rather than the whole store.

        A machine that never knew the store can't distinguish it from its empty mount point. So an empty folder counts
        as a mount point, since the caller has a DAG that came from the store.

        :raises MissingStoreError: where the store may be unmounted
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
            # It was only read, so an error here does not matter.
            with suppress(OSError):
                os.close(descriptor)

    def _check(self, place: Place) -> None:
        if self._memory is None:
            return
        # Read again: the known store may no longer be empty, and the operator may have run `adopt-store`.
        if self._known is None or self._known.is_empty or not is_known(self._known, place):
            self._known = self._memory.known()
        if self._known is None or is_known(self._known, place):
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
            return next(files_in(self._root, {}, unlisted), None) is None and not unlisted
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
    """Return the error for a config_store that is not a folder."""
    return MissingStoreError(
        f"config_store '{root}' is not a folder. Create it, mount it, or set "
        "[openmetadata_dag_factory] config_store to the folder that holds the configs."
    )


def is_known(known: Known, place: Place) -> bool:
    """Return whether a place is certain to be the known store, or that store was empty, so that nothing can be lost."""
    if known.is_empty:
        return True
    # A store without an id may have got one since.
    return place.identity is not None and known.identity in (None, place.identity)
