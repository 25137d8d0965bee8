"""Secrets: which values of a document are one, and how they are hidden from people."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from dag_factory.references import FERNET, is_reference

HIDDEN = "***"

# A field whose name, without case and separators, contains one of these holds a secret. The list covers every field
# that openmetadata-ingestion's schemas mark as one (a test compares), and what people put into free-form mappings.
_SECRET_NAMES = (
    "accesskey", "apikey", "authentication", "authorization", "authstring", "basicauthuserinfo", "botsecret",
    "cacert", "certificate", "certvalue", "connectionstring", "cookie", "credential", "headers", "jwt", "passphrase",
    "passwd", "password", "privateconfig", "privatekey", "pwd", "secret", "signature", "sslkey", "token",
)  # fmt: skip
# The same of those whose name ends so. Within a text the end of a name decides alone: of `SharedAccessKeyName=a`, as of
# the table `user_tokens`, nothing is secret.
_SECRET_ENDINGS = ("accountkey", "authkey", "encryptionkey", "masterkey", "pass", "sharedkey", "sig", "signingkey")
_SECRET_NAMES_IN_TEXTS = (*_SECRET_NAMES, *_SECRET_ENDINGS)

# A list of headers, properties or variables names each by one field and says it by another.
_PAIR_NAMES = frozenset({"key", "name"})
_PAIR_VALUES = frozenset({"value", "values"})

# Values that give themselves away, whatever their field is called. None of the patterns looks at much of a text again
# for each place where it may begin: a long text takes no longer than its length makes it.
_TOKEN = re.compile(
    r"""
    (?<![\w-])eyJ[\w-]{8,}\.[\w.-]+                 # a JSON web token
    | (?s:-----BEGIN\ [A-Z ]+-----.*)               # a PEM block
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                 # AWS
    | \bgh[oprsu]_\w{16,} | \bgithub_pat_\w{16,}    # GitHub
    | \bgl[a-z]{2,6}-[\w-]{16,}                     # GitLab
    | \bxox[a-z]-[\w-]{10,} | \bxapp-[\w-]{10,}     # Slack
    | \bsk-(?=[\w-]{0,64}\d)[\w-]{16,}              # OpenAI and others
    | \b[prs]k_(?:live|test)_\w{10,}                # Stripe
    | \bAIza[\w-]{30,} | \bya29\.[\w-]{16,}         # Google
    | \bdapi[0-9a-f]{32}                            # Databricks
    | \bdbt[cu]_[\w-]{16,}                          # dbt Cloud
    | \bhv[bs]\.[\w-]{16,}                          # Vault
    | \bnpm_\w{30,} | \bpypi-[\w-]{30,} | \bhf_\w{30,}
    """,
    re.VERBOSE,
)
_USER_OF_URL = re.compile(
    r"""
    ://(?:
        [^\s/?#@:]+@                                            # a user, who may be a token
      | [^\s/?#@:\[]*:([^\s/?#"']+)@                            # a user with a password
      | [^\s/?#@:\[]*:(?!\d*(?:[/?#,]|$))([^\s]{1,256}?)@       # the same, with a / in it that is not quoted
    )
    """,
    re.VERBOSE,
)
_BEARER = re.compile(r"\bbearer\s+((?:(?=[\w.~+/-]{0,64}\d)[\w.~+/-]{8,}|[\w.~+/-]{20,})=*)", re.IGNORECASE)
_BASIC = re.compile(r"\bbasic\s+([\w+/-]{4,}={0,2})", re.IGNORECASE)
# The name in a connection string, the query of an URL, properties, arguments, or JSON. SQL compares columns of such
# names too: behind a space, what has spaces around its `=`, or stands in a condition, is none.
_NAME_IN_TEXT = re.compile(
    r"""
    (?: ^ | [;?&\#]\s{0,8} ) ([\w.-]{2,64}) [ \t]{0,8}=
    | (?<= [\s,{"'] ) (?<!\bon\s) (?<!\bor\s) (?<!\band\s) (?<!\bwhen\s) (?<!\bwhere\s) ([\w.-]{2,64}) =
    | ["'] ([\w.-]{2,64}) \\?["'] \s{0,8} :
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_VALUE_IN_TEXT = re.compile(r"""\s{0,8}(?:\\?"([^"\\]+)|\\?'([^'\\]+)|([^\s;&"']+))""")
_NO_SECRET = frozenset({"true", "false", "null", "none", "yes", "no"})


def is_secret(name: str, value: object = None) -> bool:
    """Return whether a field holds a secret, to judge by its name and, if given, its value."""
    plain = _plain(name)
    if any(part in plain for part in _SECRET_NAMES) or plain.endswith(_SECRET_ENDINGS):
        return True
    return isinstance(value, str) and next(_found_in(value), None) is not None


def redact(value: Any, name: str = "") -> Any:
    """Return a value with every secret in it replaced by ``***``. References stay readable: they are no secrets."""
    if is_reference(value):
        return {FERNET: HIDDEN} if FERNET in value else value
    if is_secret(name, value):
        return value if value is None or isinstance(value, bool) else HIDDEN
    if isinstance(value, dict):
        names = _names(value, name)
        return {key: redact(child, names[key]) for key, child in value.items()}
    if isinstance(value, list):
        return [redact(child) for child in value]
    return value


def secret_values(value: Any, name: str = "") -> Iterator[str]:
    """Yield the text of every secret within a value, numbers included, so that logs can be masked."""
    if isinstance(value, Mapping):
        names = _names(value, name)
        for key, child in value.items():
            yield from secret_values(child, names[key])
    elif isinstance(value, list):
        for child in value:
            yield from secret_values(child, name)
    elif _may_be_secret(value) and is_secret(name, value):
        text = str(value)
        yield text
        # A part of it may be printed without the rest, such as the password of an URL.
        yield from dict.fromkeys(part for part in _found_in(text) if part != text)


def encrypt(
    value: Any, encrypted: Callable[[str | float], dict[str, str]], name: str = "", *, by_value: bool = True
) -> Any:
    """
    Return a value with every secret text and number in it replaced by a reference; those that are references stay.

    :param encrypted: makes the reference to a text or a number
    :param by_value: whether a text is judged by what it looks like too, and not by the names of its fields alone
    """
    if is_reference(value):
        return value
    if isinstance(value, dict):
        names = _names(value, name)
        return {key: encrypt(child, encrypted, names[key], by_value=by_value) for key, child in value.items()}
    if isinstance(value, list):
        return [encrypt(child, encrypted, name, by_value=by_value) for child in value]
    is_hidden = _may_be_secret(value) and is_secret(name, value if by_value else None)
    return encrypted(value) if is_hidden else value


def _may_be_secret(value: object) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def _names(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return by which name each field of a mapping is judged; all that stands within a secret is secret as well."""
    if is_secret(name):
        return dict.fromkeys(fields, name)
    said = next((given for key, given in fields.items() if key.lower() in _PAIR_NAMES and isinstance(given, str)), "")
    if not is_secret(said):
        said = ""
    return {key: said if said and key.lower() in _PAIR_VALUES else key for key in fields}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _found_in(text: str) -> Iterator[str]:
    """Yield what a text gives away as secret: the parts of it that are, or all of it."""
    for found in _TOKEN.finditer(text):
        yield found[0]
    for found in _USER_OF_URL.finditer(text):
        yield from _as_written_and_meant(found[found.lastindex]) if found.lastindex else [text]
    for found in _BEARER.finditer(text):
        yield found[1]
    for found in _BASIC.finditer(text):
        if _is_user_and_password(found[1]):
            yield found[1]
    at = 0
    while name := _NAME_IN_TEXT.search(text, at):
        at = name.end()
        if _plain(name[name.lastindex or 0]).endswith(_SECRET_NAMES_IN_TEXTS):
            value = _VALUE_IN_TEXT.match(text, at)
            if value and re.search(r"[^\W_]", said := value[value.lastindex or 0]) and said.lower() not in _NO_SECRET:
                at = value.end()
                yield from _as_written_and_meant(said)


def _as_written_and_meant(part: str) -> Iterator[str]:
    """Yield a part of an URL as it stands there, and without the quoting."""
    yield part
    if "%" in part:
        yield unquote(part)


def _is_user_and_password(encoded: str) -> bool:
    """Return whether a text is what HTTP's Basic authentication makes of user and password."""
    try:
        return ":" in b64decode(encoded, validate=True).decode()
    except ValueError:
        return False
