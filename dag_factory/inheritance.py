"""What a document takes over from the defaults of its folder, and what it may not."""

from __future__ import annotations

from dag_factory.allowed import SERVER, TOKEN_FIELDS
from dag_factory.document import Document, merge
from dag_factory.errors import ConfigError
from dag_factory.references import FERNET, is_reference, references_in

DEFAULTS = "defaults.yaml"


def check_defaults(defaults: Document) -> None:
    """
    Check what stands in a file of defaults.

    :raises ConfigError: for a value that is encrypted, which can be for one DAG alone
    """
    for field, reference in references_in(defaults):
        if FERNET in reference:
            raise ConfigError(
                "is encrypted, and what is encrypted is for one DAG alone. Write a $connection or an $env in its place",
                field=field,
            )


def upon(defaults: Document, own: Document) -> Document:
    """
    Return a document merged over defaults.

    A token is for the server that is named beside it: whoever writes a document may not have the defaults' token sent
    to a server of theirs.

    :raises ConfigError: where that would happen
    """
    server, theirs = own.get(SERVER), defaults.get(SERVER)
    if isinstance(server, dict) and isinstance(theirs, dict) and "hostPort" in server:
        inherits = any(_inherits(theirs.get(name), server, name) for name in TOKEN_FIELDS)
        if inherits and _url(server["hostPort"]) != _url(theirs.get("hostPort")):
            raise ConfigError(
                f"names another server than {DEFAULTS}, whose token would be sent there. Write the token beside it, as "
                f"{SERVER}.securityConfig, or leave hostPort out",
                field=f"{SERVER}.hostPort",
            )
    return merge(defaults, own)


def _inherits(beneath: object, own: Document, name: str) -> bool:
    """Return whether anything of what lies beneath is still there when a document is merged over it."""
    if name not in own:
        return bool(beneath)
    over = own[name]
    if not isinstance(beneath, dict) or not isinstance(over, dict) or is_reference(beneath) or is_reference(over):
        return False  # replaced
    return any(_inherits(child, over, key) for key, child in beneath.items())


def _url(host_port: object) -> object:
    return host_port.rstrip("/") if isinstance(host_port, str) else host_port
