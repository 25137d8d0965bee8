"""The rotation of Airflow's Fernet key: all sealed values in the store are sealed again with the newest key."""

from __future__ import annotations

from dataclasses import dataclass, field

from dag_factory.configs.document import parse
from dag_factory.errors import ConfigError, SettingsError, StoreError
from dag_factory.portable.secrets.references import FERNET, decrypted, is_sealed_newly, references_in, resealed
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.claims import Claims
from dag_factory.store.config_files import is_defaults
from dag_factory.store.file_names import deployed_key
from dag_factory.store.last_good import LastGoodVersions
from dag_factory.store.sealed_values import HINT


@dataclass
class Rotation:
    """
    The result of a rotation, by the keys of configs.

    :param resealed: configs that were sealed again with the newest key
    :param unchanged: how many hold nothing that was sealed with an older key
    :param left: dropped files with values that an older key has sealed, which were not to be changed
    :param failed: the reason, for each config that can't be sealed again
    :param copies: how many last good versions were sealed again
    """

    resealed: list[str] = field(default_factory=list)
    unchanged: int = 0
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    copies: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the older keys can be removed."""
        return not self.left and not self.failed


def rotate(store: ConfigStore, keys: Keys, *, all_files: bool = False) -> Rotation:
    """
    Seal all configs again with the newest key, one by one, and then the last good versions. If it is stopped at any
    point, it can be run again.

    In each file only the sealed texts are replaced; comments and order stay.

    :param all_files: whether to change dropped files too
    :raises SettingsError: where no key is configured
    :raises StoreError: where the store can't be listed or locked
    """
    if keys.problem is not None:
        raise SettingsError(keys.problem)
    rotation, claims = Rotation(), Claims(store)
    try:
        for key in store.list_keys():
            if not is_defaults(key):
                # The lock is for one file at a time, so that deploys go on in between. When it is released, the store
                # makes the marker that covers the change.
                with store.lock():
                    _rotate_one(store, claims, keys, key, rotation, all_files=all_files)
        # If a config was not found because the store was unmounted, the old key must not be removed.
        store.check()
    except StoreError as error:
        done = f"{len(rotation.resealed)} configs were encrypted again, and {len(rotation.failed)} failed"
        is_begun = rotation.resealed or rotation.failed
        raise StoreError(f"{error} Before that, {done}. Run it again." if is_begun else str(error)) from error
    _rotate_last_good(store.last_good, keys, rotation)
    return rotation


def _rotate_last_good(last_good: LastGoodVersions, keys: Keys, rotation: Rotation) -> None:
    copies = last_good.copies()
    for version in copies.all():
        is_new = is_sealed_newly(version.document, keys)
        if is_new and copies.is_only(version.dag_id):
            continue
        name = f"last good version of {version.key}"
        try:
            # Also one that is as it should be, where a load or a rotation was killed before it removed an older one.
            last_good.replace(version, resealed(version.document, version.dag_id, keys))
            rotation.copies += not is_new
        except ConfigError as error:
            rotation.failed[name] = str(error)
        except OSError as error:
            rotation.failed[name] = f"can't be written: {error.strerror}"


def _rotate_one(  # noqa: PLR0913 - by name
    store: ConfigStore, claims: Claims, keys: Keys, key: str, rotation: Rotation, *, all_files: bool
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
        if not all_files and (dag_id is None or key != deployed_key(dag_id)):
            rotation.left.append(key)
            return
        store.write(key, _replaced(data, key, dag_id, keys))
        rotation.resealed.append(key)
    except ConfigError as error:
        if HINT in data:
            rotation.failed[key] = str(error)
        else:
            rotation.unchanged += 1  # broken, and nothing of it is encrypted
    except StoreError as error:
        rotation.failed[key] = str(error)


def _replaced(data: bytes, key: str, dag_id: str | None, keys: Keys) -> bytes:
    """
    Return a file with its sealed texts replaced.

    :raises ConfigError: where one can't be decrypted, or is written with escapes
    """
    if dag_id is None:
        raise ConfigError("is missing, but values are encrypted for one DAG id. Give the pipeline a name", field="name")
    document = parse(data, key)
    old = [found[FERNET] for _, found in references_in(document) if FERNET in found]
    new = [found[FERNET] for _, found in references_in(resealed(document, dag_id, keys)) if FERNET in found]
    found = data
    # The longest first: one without fingerprint may be part of another.
    for before, after in sorted(zip(old, new, strict=True), key=lambda pair: -len(pair[0])):
        found = found.replace(before.encode(), after.encode())
    again = parse(found, key)
    if decrypted(again, dag_id, keys) != decrypted(document, dag_id, keys) or not is_sealed_newly(again, keys):
        raise ConfigError(
            "holds an encrypted value that is split over lines or has escapes in it. Write it on one line"
        )
    return found
