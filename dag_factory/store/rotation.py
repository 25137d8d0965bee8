"""The rotation of Airflow's Fernet key: all that the store holds sealed again with the newest one."""

from __future__ import annotations

from dataclasses import dataclass, field

from dag_factory.configs.document import parse
from dag_factory.errors import ConfigError, SettingsError, StoreError
from dag_factory.secrets.references import FERNET, decrypted, is_sealed_newly, references_in, resealed
from dag_factory.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.claims import Claims, is_defaults
from dag_factory.store.last_good import LastGood

# What is there of a sealed value in a file that can't be read, however it is written.
_HINT = b"fernet"


@dataclass
class Rotation:
    """
    What a rotation has done, by the keys of configs.

    :param resealed: those that are sealed with the newest key since
    :param unchanged: how many hold nothing that an older key has sealed
    :param left: dropped files that an older key has sealed, which nobody asked to change
    :param failed: what stands in the way, for each config that can't be sealed again
    :param copies: how many last good versions are sealed with the newest key since
    """

    resealed: list[str] = field(default_factory=list)
    unchanged: int = 0
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    copies: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the older keys may go."""
        return not self.left and not self.failed


def rotate(store: ConfigStore, keys: Keys, *, dropped: bool = False) -> Rotation:
    """
    Seal all configs again with the newest key, one by one: stopped at any point, it can be run again. The last good
    versions follow, which run while a config is broken.

    In each file the sealed texts are replaced and all else stays as it is, comments and order included.

    :param dropped: whether to change files too that the writer has not written
    :raises SettingsError: where there is no key
    :raises StoreError: where the store can't be listed or locked
    """
    if keys.problem is not None:
        raise SettingsError(keys.problem)
    rotation, claims = Rotation(), Claims(store)
    try:
        for key in store.list_keys():
            if not is_defaults(key):
                # The lock is for one file at a time, so that deploys go on in between. Leaving it, the store makes the
                # marker that covers what was written.
                with store.lock():
                    _rotate_one(store, claims, keys, key, rotation, dropped=dropped)
        # A config that was not found may be in a store that was unmounted, and the old key must not go then.
        store.check()
    except StoreError as error:
        done = f"{len(rotation.resealed)} configs were encrypted again, and {len(rotation.failed)} failed"
        is_begun = rotation.resealed or rotation.failed
        raise StoreError(f"{error} Before that, {done}. Run it again." if is_begun else str(error)) from error
    _rotate_last_good(store.last_good, keys, rotation)
    return rotation


def _rotate_last_good(last_good: LastGood, keys: Keys, rotation: Rotation) -> None:
    for version in last_good.index().all():
        if is_sealed_newly(version.document, keys):
            continue
        name = f"last good version of {version.key}"
        try:
            last_good.replace(version, resealed(version.document, version.dag_id, keys))
            rotation.copies += 1
        except ConfigError as error:
            rotation.failed[name] = str(error)
        except OSError as error:
            rotation.failed[name] = f"can't be written: {error.strerror}"


def _rotate_one(  # noqa: PLR0913 - by name
    store: ConfigStore, claims: Claims, keys: Keys, key: str, rotation: Rotation, *, dropped: bool
) -> None:
    try:
        data = store.read(key)
    except KeyError:
        return  # removed since it was listed
    except (ConfigError, StoreError) as error:
        rotation.failed[key] = str(error)
        return
    try:
        if is_sealed_newly(parse(data, key), keys):
            rotation.unchanged += 1
            return
        claim = claims.of(key)
        dag_id = claim.named_id if claim is not None else None
        if not dropped and key != f"{dag_id}.json":
            rotation.left.append(key)
            return
        store.write(key, _replaced(data, key, dag_id, keys))
        rotation.resealed.append(key)
    except ConfigError as error:
        if _HINT in data:
            rotation.failed[key] = str(error)
        else:
            rotation.unchanged += 1  # broken, and nothing of it is encrypted
    except StoreError as error:
        rotation.failed[key] = str(error)


def _replaced(data: bytes, key: str, dag_id: str | None, keys: Keys) -> bytes:
    """
    Return a file with its sealed texts replaced.

    :raises ConfigError: where one can't be opened, or stands there in other characters than it means
    """
    if dag_id is None:
        raise ConfigError("is missing, but values are encrypted for one DAG id. Give the pipeline a name", field="name")
    document = parse(data, key)
    old = [found[FERNET] for _, found in references_in(document) if FERNET in found]
    new = [found[FERNET] for _, found in references_in(resealed(document, dag_id, keys)) if FERNET in found]
    found = data
    # The longest first: one without fingerprint may be a part of another one.
    for before, after in sorted(zip(old, new, strict=True), key=lambda pair: -len(pair[0])):
        found = found.replace(before.encode(), after.encode())
    again = parse(found, key)
    if decrypted(again, dag_id, keys) != decrypted(document, dag_id, keys) or not is_sealed_newly(again, keys):
        raise ConfigError(
            "holds an encrypted value that is split over lines or has escapes in it. Write it on one line"
        )
    return found
