"""The addresses that get mail when a pipeline fails; no other text of a mail header or a template passes for one."""

from __future__ import annotations

import re

MAX_RECIPIENTS = 50
_MAX_LENGTH = 254  # RFC 5321

# Narrower than RFC 5322 on purpose: no quotes, comments or display names, and no character that is special in a
# template, a shell or a mail header. Domains in other scripts have an ASCII form (punycode).
_ADDRESS = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_.+'-]{0,62}[A-Za-z0-9_+-])?"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
)

_WAY_OUT = "Write one like team@example.com, several with commas between them, or a list of them"


def recipients(value: object) -> tuple[str, ...]:
    """
    Return the addresses that ``airflowConfig.email`` names, each once.

    OpenMetadata's schema knows one address. Several may stand in a text, separated by commas, or in a list.

    :raises ValueError: where one is not an address; the message quotes nothing of it
    """
    if isinstance(value, str):
        value = value.split(",") if value.strip() else []
    parts: list[object] = value if isinstance(value, list) else [value]
    found: dict[str, None] = {}
    for number, part in enumerate(parts, 1):
        address = part.strip(" ") if isinstance(part, str) else ""
        if len(address) > _MAX_LENGTH or not _ADDRESS.fullmatch(address):
            which = f" (number {number} of {len(parts)})" if len(parts) > 1 else ""
            raise ValueError(f"is not an e-mail address{which}. {_WAY_OUT}")
        found[address] = None
    if len(found) > MAX_RECIPIENTS:
        raise ValueError(f"names more than {MAX_RECIPIENTS} addresses. Mail to a list of your mail server instead")
    return tuple(found)
