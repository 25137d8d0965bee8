"""How many configs of a store hold encrypted values, and which of them can't be decrypted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dag_factory.configs.document import parse
from dag_factory.errors import ConfigError, StoreError
from dag_factory.portable.secrets.references import FERNET, decrypted, references_in
from dag_factory.portable.secrets.sealing import Keys
from dag_factory.store import ConfigStore
from dag_factory.store.claims import Claims
from dag_factory.store.config_files import is_defaults

HINT = b"fernet"
"""Part of every sealed value, whatever the format of its file, also where that can't be read."""


@dataclass(frozen=True)
class SealedValues:
    """
    What the configs of a store hold.

    :param configs: how many of them have encrypted values
    :param closed: the reason for each config with a value that can't be decrypted, by key; no value is in it
    """

    configs: int = 0
    closed: Mapping[str, str] = field(default_factory=dict)


def sealed_values(store: ConfigStore, keys: Keys) -> SealedValues:
    """
    Decrypt all values of a store, and forget them.

    Configs that can't be read for another reason are left out: validation says what is wrong with them.

    :raises StoreError: where the store can't be listed
    """
    count, closed, claims = 0, {}, Claims(store)
    names = [key for key in store.list_keys() if not is_defaults(key)]
    store.prefetch(names)
    for key in names:
        try:
            data = store.read(key)
            if HINT not in data:
                continue
            document = parse(data, key)
        except (KeyError, ConfigError, StoreError):
            continue
        if not any(FERNET in reference for _, reference in references_in(document)):
            continue
        count += 1
        claim = claims.of(key)
        try:
            decrypted(document, (claim.named_id if claim is not None else None) or "", keys)
        except ConfigError as error:
            closed[key] = str(error)
    return SealedValues(count, closed)
