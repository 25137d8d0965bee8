"""Names of fields that hold secrets: those of openmetadata-ingestion's schemas, what people write, what is declared."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache

# A field whose name, without case and separators, contains one of these holds a secret. The list covers every field
# that openmetadata-ingestion's schemas mark as one (a test compares), and what people put into free-form mappings.
_PARTS = (
    "accesskey", "apikey", "authentication", "authheader", "authorization", "authstring", "basicauthuserinfo",
    "bearer", "botsecret", "cacert", "certificate", "certvalue", "connectionstring", "cookie", "credential", "creds",
    "headers", "jwt", "keyfile", "keytab", "passcode", "passphrase", "passwd", "password", "privateconfig",
    "privatekey", "pwd", "secret", "signature", "sslkey", "token", "webhook",
)  # fmt: skip
# So does one whose name ends in one of these. Within a text, only the end of a name counts: neither
# `SharedAccessKeyName=a` nor the table `user_tokens` is secret.
_ENDINGS = (
    "accountkey", "authkey", "encryptionkey", "licensekey", "masterkey", "pass", "servicekey", "sharedkey", "sig",
    "signingkey", "storagekey",
)  # fmt: skip
_ENDINGS_IN_TEXTS = (*_PARTS, *_ENDINGS)
# So does one whose last word is one of these: `loginPin`, but not `mapping` or `partitionAccessType`.
_LAST_WORDS = frozenset({"access", "auth", "dsn", "otp", "pat", "pin", "proxies", "proxy", "psk", "salt", "session"})
# Below these stand options of drivers and servers, which may hold secrets under any name.
_PLACES = ("appprivateconfig", "connectionarguments", "connectionoptions", "securityconfig")

# A field whose name ends in one of these holds nothing but a secret. Many others hold one only at times: `headers`,
# `certificate`, `session`.
_ALWAYS = (
    "accesstoken", "accountkey", "apikey", "authorization", "authtoken", "credential", "credentials", "passphrase",
    "passwd", "password", "privatekey", "pwd", "secret", "secretaccesskey", "secretkey", "token",
)  # fmt: skip

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# No field has a longer name. Longer ones are not cached; only `is_secret_name` and `names_secret_in_text` judge them.
_LONGEST_NAME = 128

_declared: tuple[str, ...] | None = None


def is_secret_name(name: str) -> bool:
    """Return whether a field of this name holds a secret."""
    return _judged(name) if len(name) <= _LONGEST_NAME else _judged.__wrapped__(name)


def is_always_secret(name: str) -> bool:
    """Return whether a field of this name holds a secret and nothing else, such as ``password``."""
    return len(name) <= _LONGEST_NAME and plain(name).endswith(_ALWAYS)


def is_secret_place(name: str) -> bool:
    """Return whether what stands below a field of this name may be secret, whatever its own fields are called."""
    return _is_place(name) if len(name) <= _LONGEST_NAME else False


def names_secret_in_text(name: str) -> bool:
    """Return whether what follows a name and a ``=`` within a text is a secret."""
    return plain(name).endswith(_ENDINGS_IN_TEXTS)


def plain(name: str) -> str:
    """Return a name without case and separators."""
    return re.sub(r"[\W_]", "", name.lower())


def declared_names() -> tuple[str, ...]:
    """
    Return the names that Airflow's operator has declared secret by ``[core] sensitive_var_conn_names``.

    They are read once per process. An interpreter without Airflow is given them, see `declare_names`.
    """
    global _declared  # noqa: PLW0603 - a setting of the whole process, as in Airflow
    if _declared is None:
        # Airflow's own processes have imported it long before; all others must not.
        configuration = sys.modules.get("airflow.configuration")
        text = configuration.conf.get("core", "sensitive_var_conn_names", fallback="") if configuration else ""
        _declared = _as_declared(text.split(","))
    return _declared


def declare_names(names: Iterable[str]) -> None:
    """Count these names as secret from now on, in place of those that Airflow's settings declare."""
    global _declared  # noqa: PLW0603
    _declared = _as_declared(names)
    _judged.cache_clear()


def _as_declared(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({plain(name) for name in names} - {""}))


@lru_cache(maxsize=4096)
def _is_place(name: str) -> bool:
    return plain(name).endswith(_PLACES)


@lru_cache(maxsize=4096)
def _judged(name: str) -> bool:
    text = plain(name)
    if any(part in text for part in _PARTS) or text.endswith(_ENDINGS):
        return True
    words = _WORD.findall(name)
    if words and words[-1].lower() in _LAST_WORDS:
        return True
    return any(part in text for part in declared_names())
