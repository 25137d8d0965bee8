"""Whether a folder is the config store that this machine knows, or for example its empty mount point."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from dag_factory.errors import MissingStoreError
from dag_factory.store.folder.identity import give_identity, read_identity
from dag_factory.store.folder.listing import Identity, files_in, has_config_at_once, identity_of
from dag_factory.store.memory import Known, Memory, Place, is_known
from dag_factory.store.own_files import IDENTITY

Answer = TypeVar("Answer")

ATTEMPTS = 3
"""How often a folder is looked at that is replaced meanwhile, by a mount or as git-sync does."""


class ReplacedError(MissingStoreError):
    """
    The folder at a path was replaced by another one while it was looked at, so what was found may be of either.

    :param root: the path
    """

    def __init__(self, root: Path) -> None:
        super().__init__(f"config_store '{root}' was replaced while it was looked at. Is it being mounted? Retry.")


class Presence:
    """
    Distinguishes the store from its empty mount point, and from another store.

    Between any two system calls the path may come to lead elsewhere. So the folder is opened once, its id is read and
    written through that descriptor, and a listing counts only if it was one of the same folder.

    :param root: the store's folder
    :param memory: what this machine remembers of the store; without it, any folder is accepted
    """

    def __init__(self, root: Path, memory: Memory | None = None) -> None:
        self._root = root
        self._memory = memory
        self._known: Known | None = None
        # The store whose configs this process has listed, as long as the memory knows of none.
        self._seen: Known | None = None

    def check(self) -> Place:
        """
        Return the store at the path.

        :raises MissingStoreError: where it is not the known one
        """
        return self._steady(lambda _, place: place)

    def give_identity(self) -> str | None:
        """
        Return the id of the store, a new one where it has none; None where it can't be given one.

        To be called before something is written to it.

        :raises MissingStoreError: where it is not the known one
        """

        def give(descriptor: int, place: Place) -> str | None:
            if self._memory is None or place.identity is not None:
                return place.identity
            return self._give_identity(descriptor)

        return self._steady(give)

    def has_configs(self, place: Place) -> None:
        """Note that configs were listed in a store: from now on, this process takes no empty folder for it."""
        if self._memory is not None and (self._known is None or self._known.is_empty):
            self._seen = Known(place.identity, is_empty=False)

    def remember(self, *, holds_config: bool = False) -> Known | None:
        """
        Remember the store at the path, and return what is known of it; None without a memory.

        A store with configs but no id gets one, if that is possible. An empty folder does not: it may be the mount
        point. A store whose configs were listed is remembered even if it is missing by now.

        :param holds_config: whether it is known to hold one, so that none has to be looked for
        :raises MissingStoreError: where it is not the known one
        """
        if self._memory is None:
            return None
        before = self._memory.known()
        if self._seen is not None and (before is None or before.is_empty):
            self._memory.note(self._seen, instead_of=before)
            before = self._memory.known()

        def look(descriptor: int, place: Place) -> Known:
            identity, is_empty = place.identity, not holds_config and self._is_empty(place)
            if identity is None and not is_empty:
                identity = self._give_identity(descriptor)
            return Known(identity, is_empty)

        known = self._steady(look)
        # Another process may have written the first config, and noted it, since this one looked.
        self._memory.note(known, instead_of=before)
        if self._seen is not None and self._memory.known() is not None:
            self._seen = None
        return known

    def confirm_absence(self) -> None:
        """
        Make sure that a config that was not found is missing, rather than the whole store.

        A machine that never knew the store can't distinguish it from its empty mount point. So an empty folder counts
        as a mount point, since the caller has a DAG that came from the store.

        :raises MissingStoreError: where the store may be unmounted
        """
        if self._steady(lambda _, place: place.identity is None and self._is_empty(place)):
            raise MissingStoreError(f"config_store '{self._root}' holds no configs at all. Is it mounted here?")

    def _steady(self, look: Callable[[int, Place], Answer]) -> Answer:
        """
        Return what is found in the folder, through its descriptor; look again where it was replaced meanwhile.

        :raises MissingStoreError: where it is not the known store
        """
        for _ in range(ATTEMPTS):
            with suppress(ReplacedError), self._opened() as (descriptor, place):
                return look(descriptor, place)
        raise ReplacedError(self._root)

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
        known = self._known
        if self._seen is not None and (known is None or known.is_empty):
            known = self._seen
        if known is None or is_known(known, place):
            return
        if known.identity is None and place.identity is None:
            if not self._is_empty(place):
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

    def _is_empty(self, place: Place) -> bool:
        """
        Return whether a store holds no config at all.

        :raises ReplacedError: where the path did not lead to it for the whole listing
        """
        listed: dict[Path, Identity] = {}
        unlisted: dict[str, str] = {}
        ignored: dict[str, str] = {}
        try:
            if has_config_at_once(self._root, place.folder):
                return False
            is_empty = next(files_in(self._root, listed, unlisted, ignored), None) is None and not unlisted
            now = identity_of(self._root.stat())
        except OSError as error:
            raise self._unreadable(error) from error
        if not listed.get(self._root) == now == place.folder:
            raise ReplacedError(self._root)
        return is_empty

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
