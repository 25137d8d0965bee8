"""
Names of a document's fields, made safe to show.

An author's slip makes a name of a secret. In YAML's ``{jwtToken:s3cr3t}``, which lacks a space, all of it is one name;
in ``{s3cr3t}``, or where a value was pasted in the wrong place, the secret itself is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from dag_factory.portable.secrets.detection import is_plain_words, secrets_in

HIDDEN = "***"

# The names in openmetadata-ingestion's schemas that are not plain words. A test compares.
_KNOWN = frozenset({"authProviderX509CertUrl", "clientX509CertUrl", "supportsElasticSearchReindexingExtraction"})
# A setting may be at fault in place of a field.
_SETTING = re.compile(r"\[openmetadata_dag_factory\] [a-z_]{1,40}")
# Of an item in a list.
_LONGEST_INDEX = 5


def shown_name(name: str) -> str:
    """
    Return the name of a field if it is plain words, as field names are, else ``***`` in place of it.

    What stands before a colon stays: that is the field whose value was taken for a part of its name.
    """
    if _is_shown(name):
        return name
    field, colon, _ = name.partition(":")
    return f"{field}:{HIDDEN}" if colon and _is_shown(field) else HIDDEN


def shown_field(field: str) -> str:
    """
    Return the dotted path of a field as far as its names are shown.

    What follows a name that is hidden is hidden too: it may be a part of that name, which can have dots.
    """
    if _SETTING.fullmatch(field):
        return field
    shown = []
    for part in field.split("."):
        name = part if part.isdecimal() and len(part) <= _LONGEST_INDEX else shown_name(part)
        shown.append(name)
        if name != part:
            break
    return ".".join(shown)


@lru_cache(maxsize=4096)
def _is_shown(name: str) -> bool:
    # A reference, such as `$env`, and a field that an author has added for themselves, such as `_note`.
    words = name[1:] if name.startswith(("$", "_")) else name
    if name in _KNOWN:
        return True
    return " " not in words and is_plain_words(words) and next(secrets_in(words), None) is None
