"""
Sealed values: texts that are encrypted for one DAG, with keys derived from Airflow's ``[core] fernet_key``.

The key is derived from the DAG id too. So a sealed value is of no use in another config, and a config can't open
anything else that Airflow has encrypted.

A sealed value reads ``1a2b3c4d:5e6f7a8b:gAAAA…``: the fingerprint of its key, a digest of the DAG id, and the token.
The first two show without decrypting whether the key is still configured, and whether the value is for this DAG. They
are for messages only: a value without them works too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING

from dag_factory.errors import DagFactoryError, SettingsError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

SETTING = "[core] fernet_key"
_UNSET = f"{SETTING} is empty. Set it, the same for all of Airflow's components"
_KEY_BYTES = 32
_DIGEST = re.compile(r"[0-9a-f]{8}")

# Each derived key is for one purpose. A change here makes all sealed values unreadable.
_FOR_VALUES = b"openmetadata-dag-factory sealed value\0"
_FOR_FINGERPRINTS = b"openmetadata-dag-factory fingerprint"
_FOR_DAG_IDS = b"openmetadata-dag-factory DAG id\0"


class UnsealError(DagFactoryError):
    """A sealed value can't be opened; the message, a clause that follows the field's name, says why and what to do."""


class Keys:
    """
    The keys of ``[core] fernet_key``, the newest first. They are read once, when first needed.

    :param setting: the keys, in place of Airflow's own
    """

    def __init__(self, setting: str | None = None) -> None:
        self._setting = setting
        self._by_dag_id: dict[str, MultiFernet] = {}

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of the keys, the newest first; empty where there is a problem."""
        return tuple(hmac.digest(key, _FOR_FINGERPRINTS, "sha256")[:4].hex() for key in self._read[0])

    @property
    def problem(self) -> str | None:
        """What is wrong with the setting as a whole and the way out, None where it holds keys."""
        return self._read[1]

    @property
    def is_set(self) -> bool:
        """Whether the setting holds anything, be it malformed."""
        return self.problem != _UNSET

    def check(self, sealed: str, dag_id: str | None = None) -> None:
        """
        Check, without decrypting, that the key of a sealed value is configured, and that it is sealed for a DAG.

        :param dag_id: the DAG's id, None where that is unknown
        :raises UnsealError: where the value shows that either is not so
        """
        if self.problem is not None:
            raise UnsealError(f"is encrypted, and {self.problem}")
        fingerprint, digest = _digests(sealed)
        if digest is not None and dag_id is not None and digest != _digest(dag_id):
            raise _of_another(dag_id)
        if fingerprint is not None and fingerprint not in self.fingerprints:
            raise UnsealError(
                f"is encrypted with the key of fingerprint {fingerprint}, which is missing from {SETTING}. Add that "
                "key after the newest one, or deploy the pipeline again"
            )

    def is_newest(self, sealed: str) -> bool:
        """Return whether a value says that it is sealed with the newest key."""
        return _digests(sealed)[0] in self.fingerprints[:1]

    def seal(self, text: str, dag_id: str) -> str:
        """
        Return a text sealed for one DAG, with the newest key.

        :raises SettingsError: where no key is configured
        """
        if self.problem is not None:
            raise SettingsError(f"{self.problem}. Without it, secrets can't be encrypted")
        return f"{self.fingerprints[0]}:{_digest(dag_id)}:{self._fernet(dag_id).encrypt(text.encode()).decode()}"

    def unseal(self, sealed: str, dag_id: str) -> str:
        """
        Return the text of a sealed value.

        :raises UnsealError: where it was sealed for another DAG, or with a missing key, or is not a sealed value
        """
        from cryptography.fernet import InvalidToken

        self.check(sealed, dag_id)
        try:
            return self._fernet(dag_id).decrypt(sealed.rpartition(":")[2]).decode()
        except (InvalidToken, ValueError):
            raise UnsealError(
                f"can't be decrypted with {SETTING} for the DAG '{dag_id}'. An encrypted value works for one DAG id "
                "only. Make it again with `airflow openmetadata-dag-factory encrypt`, or, if its key was removed, add "
                "that key after the newest one"
            ) from None

    def _fernet(self, dag_id: str) -> MultiFernet:
        if dag_id not in self._by_dag_id:
            from cryptography.fernet import Fernet, MultiFernet

            keys = [urlsafe_b64encode(_derived(key, dag_id)) for key in self._read[0]]
            self._by_dag_id[dag_id] = MultiFernet([Fernet(key) for key in keys])
        return self._by_dag_id[dag_id]

    @cached_property
    def _read(self) -> tuple[tuple[bytes, ...], str | None]:
        """The keys, or what is wrong with the setting."""
        setting = self._setting
        if setting is None:
            from airflow.configuration import conf

            try:
                setting = conf.get("core", "fernet_key", fallback="")
            except Exception as error:  # noqa: BLE001 - it may be a command or a secrets backend, and must stop no DAG
                return (
                    (),
                    f"{SETTING} can't be read: {type(error).__name__}. Look at fernet_key_cmd or fernet_key_secret",
                )
        said = [key for key in map(str.strip, (setting or "").split(",")) if key]
        if not said:
            return (), _UNSET
        keys = [_key(text) for text in said]
        if None in keys:
            which = f"number {keys.index(None) + 1} of its {len(keys)} keys" if len(keys) > 1 else "its key"
            return (), (
                f"{SETTING} is malformed: {which} is not {_KEY_BYTES} bytes in URL-safe base64. "
                "Generate one as Airflow's documentation says"
            )
        return tuple(key for key in keys if key is not None), None


class KeysElsewhere(Keys):
    """
    Stands for keys that this machine does not have, and must not have: one on which configs are only written.

    Of a sealed value, only the DAG that it is for can be checked there.
    """

    def check(self, sealed: str, dag_id: str | None = None) -> None:
        digest = _digests(sealed)[1]
        if digest is not None and dag_id is not None and digest != _digest(dag_id):
            raise _of_another(dag_id)


def _of_another(dag_id: str) -> UnsealError:
    return UnsealError(
        f"was encrypted for another DAG than '{dag_id}', and works for that one only. Encrypt the value for "
        "this DAG with `airflow openmetadata-dag-factory encrypt`, or write a $connection or an $env instead"
    )


def _key(text: str) -> bytes | None:
    try:
        key = urlsafe_b64decode(text)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _derived(key: bytes, dag_id: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=_FOR_VALUES + dag_id.encode()).derive(key)


def _digest(dag_id: str) -> str:
    return hashlib.sha256(_FOR_DAG_IDS + dag_id.encode()).hexdigest()[:8]


def _digests(sealed: str) -> tuple[str | None, str | None]:
    """Return the fingerprint of the key and the digest of the DAG id, each None where the value does not say it."""
    digests = sealed.split(":")[:-1]
    if not 1 <= len(digests) <= 2 or not all(map(_DIGEST.fullmatch, digests)):
        return None, None
    return digests[0], digests[1] if digests[1:] else None
