"""Finds secrets in texts by their form, whatever their field is called."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from urllib.parse import unquote

from dag_factory.portable.secrets.names import names_secret_in_text, plain

MANAGED_MARK = "secret:"
"""The beginning of a reference to OpenMetadata's secrets manager, which is not a secret itself."""

# What each pattern reads from one starting point is bounded, so the time is linear in the length of a text.
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
    | \bgAAAAA[\w-]{40,}                            # Fernet
    """,
    re.VERBOSE,
)
_SHORTEST_TOKEN = 13
_SPACE = re.compile(r"\s")
_USER_OF_URL = re.compile(
    r"""
    ://(?:
        [^\s/?#@:]+@                                            # a user, who may be a token
      | [^\s/?#@:\[]*:([^\s/?#"']+)@                            # a user with a password
      | [^\s/?#@:\[]*:(?!\d*(?:[/?#,]|$))([^\s]{1,256}?)@       # the same, with a / in it that is not quoted
    )
    | \b(?:thin|oci8?):[^\s/@:]{0,128}/("[^"]{1,256}"|[^\s@]{1,256})@   # JDBC's for Oracle
    """,
    re.VERBOSE,
)
# The path of a webhook, which anybody who knows it can call: Slack's, Discord's, Teams', Zapier's, Telegram's.
_PATH_OF_HOOK = re.compile(
    r"""
    ://[^\s/?#]{0,128}(?<=[/.])hooks?\.[^\s/?#]{1,128}/([^\s"'?#]{8,256})
    | /(?:[\w-]{0,32}hooks?b?\d?)/([^\s"'?#]{8,256})
    | ://api\.telegram\.org/bot([\w:-]{8,128})
    | ://events\.pagerduty\.com/(?:integration|x-ere)/([\w-]{8,128})
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BEARER = re.compile(r"\bbearer\s+((?:(?=[\w.~+/-]{0,64}\d)[\w.~+/-]{8,}|[\w.~+/-]{20,})=*)", re.IGNORECASE)
_BASIC = re.compile(r"\bbasic\s+([\w+/-]{4,}={0,2})", re.IGNORECASE)
# The name in a connection string, a URL's query, properties, arguments, or JSON. SQL has columns of such names too: so
# after a space, a name does not count that has spaces around its `=`, or stands in a condition.
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
# In a URL's query, these name secrets too, unless the value is plain words or shorter.
_SHORTEST_IN_QUERY = 6
_NAMES_IN_QUERIES = frozenset(
    {"access", "auth", "code", "hash", "hmac", "key", "pat", "pin", "salt", "session", "sid", "subscriptionkey"}
)

# A whole text of the characters of base64 or hex. Shorter ones look like names.
_ENCODED = re.compile(r"(?=.{16})[\w+/-]{1,4096}={0,2}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_UNBROKEN = re.compile(r"[a-zA-Z0-9+/]+")
_SHORTEST_RANDOM, _SHORTEST_UNBROKEN = 24, 16
_KINDS = re.compile(r"[a-z]+|[A-Z]+|[0-9]+|[^a-zA-Z0-9]+")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)

# One word, or a few: `require`, `verify-full`, `databaseService`, `TLS`.
_WORDS = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+)(?:[ ._-]?(?:[A-Z]?[a-z]+|[A-Z]+)){0,4}")
_LONGEST_WORDS = 32


def secrets_in(text: str) -> Iterator[str]:
    """Yield what looks like a secret in a text: parts of it, or all of it."""
    # Most texts are short and plain, so the cheap tests come first.
    if len(text) >= _SHORTEST_TOKEN:
        yield from (found[0] for found in _TOKEN.finditer(text))
    if "@" in text:
        yield from _users_in(text)
    if "/" in text:
        yield from _hooks_in(text)
    if _SPACE.search(text):
        yield from _credentials_in(text)
    if "=" in text or ":" in text:
        yield from _named_in(text)
    if _is_encoded(text.strip()):
        yield text


def has_credentials(text: str) -> bool:
    """Return whether a text certainly holds a secret: a token that shows whose it is, or a URL with a password."""
    if len(text) >= _SHORTEST_TOKEN and _TOKEN.search(text):
        return True
    return "@" in text and any(found.lastindex for found in _USER_OF_URL.finditer(text))


def is_plain_words(text: str) -> bool:
    """Return whether a text is a word or a few. Any log is full of them, and would be unreadable without."""
    return len(text) <= _LONGEST_WORDS and _WORDS.fullmatch(text) is not None


def _users_in(text: str) -> Iterator[str]:
    """Yield the passwords of URLs; all of the text, where a URL has a user alone, who may be a token."""
    for found in _USER_OF_URL.finditer(text):
        yield from _as_written_and_meant(found[found.lastindex].strip('"')) if found.lastindex else [text]


def _hooks_in(text: str) -> Iterator[str]:
    """Yield the paths of webhooks, and the last part of each."""
    for found in _PATH_OF_HOOK.finditer(text):
        if not is_plain_words(path := found[found.lastindex or 0]):
            yield from dict.fromkeys((path.rpartition("/")[2], path))


def _credentials_in(text: str) -> Iterator[str]:
    """Yield the credentials of a header ``Authorization``."""
    for found in _BEARER.finditer(text):
        yield found[1]
    for found in _BASIC.finditer(text):
        if ":" in (_decoded(found[1]) or ""):
            yield found[1]


def _named_in(text: str) -> Iterator[str]:
    at = 0
    while name := _NAME_IN_TEXT.search(text, at):
        at = name.end()
        said = name[name.lastindex or 0]
        is_secret = names_secret_in_text(said)
        may_be_secret = text[name.start()] in "?&" and plain(said) in _NAMES_IN_QUERIES
        value = _VALUE_IN_TEXT.match(text, at) if is_secret or may_be_secret else None
        if value is not None:
            part = value[value.lastindex or 0]
            is_empty = not re.search(r"[^\W_]", part) or part.lower() in _NO_SECRET
            is_word = is_plain_words(part) or len(part) < _SHORTEST_IN_QUERY
            if not is_empty and (is_secret or not is_word):
                at = value.end()
                yield from _as_written_and_meant(part)


def _as_written_and_meant(part: str) -> Iterator[str]:
    """Yield a part of a URL as it is written, and unquoted."""
    yield part
    if "%" in part:
        yield unquote(part)


def _is_encoded(text: str) -> bool:
    """
    Return whether a text is another text in base64, or as random as keys are.

    A UUID is not, nor is a name made of words and numbers. Parts of a longer text are not judged: one may be the digest
    in a table's name.
    """
    if not _ENCODED.fullmatch(text) or _UUID.fullmatch(text):
        return False
    if _HEX.fullmatch(text):
        return not text.isdecimal() and not text.isalpha()
    if _decoded(text) is not None:
        return True
    return len(text) >= _SHORTEST_RANDOM and _is_random(max(_UNBROKEN.findall(text), key=len, default=""))


def _is_random(text: str) -> bool:
    """Return whether cases and digits alternate more often than in words, and ``/`` is rarer than in paths."""
    kinds = _KINDS.findall(text)
    return (
        len(text) >= _SHORTEST_UNBROKEN
        and {"a", "A", "0"} <= {_kind(part[0]) for part in kinds}
        and 9 * len(kinds) >= 4 * len(text)
        and 12 * text.count("/") < len(text)
    )


def _kind(character: str) -> str:
    if character.isdecimal():
        return "0"
    return ("A" if character.isupper() else "a") if character.isalpha() else "-"


def _decoded(encoded: str) -> str | None:
    """Return the text that is encoded in base64, None where that is invalid or not printable."""
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode()
    except ValueError:
        return None
    return text if text.isprintable() else None
