"""What a client of object storage reports when it fails: each kind has its own exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dag_factory.errors import MissingStoreError, StoreError
from dag_factory.store.objects.location import Location

_CODE = re.compile(r"(?=.{1,60}$)(?:[A-Z]+[a-z]+)+|[1-5]\d\d")
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "ConditionNotMet", "BlobAlreadyExists"})
_EMPTY = frozenset({"InvalidRange", "416"})
_DENIED = frozenset({
    # S3's.
    "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "PermissionError", "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    # Azure's.
    "AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch", "ClientAuthenticationError",
    "InvalidAuthenticationInfo", "NoAuthenticationInformation",
    # Google's.
    "401", "RefreshError",
})  # fmt: skip


class ChangedError(Exception):
    """A conditional request was refused: the object is no longer as it was expected to be."""


class UncertainError(Exception):
    """
    A change was requested, and there was no answer: it may or may not have been made.

    :param reason: why, in a word
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def code_of(error: BaseException) -> str:
    """
    Return one word for a failure: the service's own code, such as ``SlowDown``, or the exception's name.

    No more of it is shown: its text may quote a URL with a signature, or the credentials that were refused.
    """
    for each in _chain(error):
        for code in (_code_in_response(each), getattr(each, "error_code", None), getattr(each, "code", None)):
            text = str(getattr(code, "value", code) or "")
            if text == "412":
                return "PreconditionFailed"
            if _CODE.fullmatch(text):
                return text
    return type(error).__name__


def is_changed(error: BaseException) -> bool:
    """Return whether an error says that the object is not as a condition demands."""
    return isinstance(error, FileExistsError) or code_of(error) in _CHANGED


def is_empty(error: BaseException) -> bool:
    """Return whether an error says that an object has no first byte, which was asked for."""
    return code_of(error) in _EMPTY


def is_denied(error: BaseException) -> bool:
    """Return whether an error says that the credentials are missing, invalid or too weak."""
    return isinstance(error, PermissionError) or code_of(error) in _DENIED


def unreachable(location: Location, error: BaseException) -> StoreError:
    """Return the error of a store that does not answer as it should. It may later."""
    code = code_of(error)
    if is_denied(error):
        return MissingStoreError(
            f"config_store '{location}' refuses access ({code}). Give the credentials of "
            f"{_credentials(location)} the permissions to list, read and write there."
        )
    return MissingStoreError(
        f"config_store '{location}' can't be reached ({code}). Is it running, and is its address right?"
    )


def _credentials(location: Location) -> str:
    return f"Connection '{location.connection}'" if location.connection else "this process's environment"


def _code_in_response(error: BaseException) -> object:
    response = getattr(error, "response", None)
    found = response.get("Error") if isinstance(response, dict) else None
    return found.get("Code") if isinstance(found, dict) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(5):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__
