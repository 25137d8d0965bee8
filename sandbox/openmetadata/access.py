"""Who may call the API: bearers of the bot's token."""

import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable

from fastapi import Request

from sandbox.openmetadata.errors import ApiError
from sandbox.openmetadata.store import BOT


def new_token() -> str:
    """Return a random token in the form of a JWT for the ingestion bot."""
    header = {"alg": "RS256", "typ": "JWT"}
    claims = {"iss": "open-metadata.org", "sub": BOT, "roles": [], "isBot": True, "tokenType": "BOT", "exp": None}
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in [*parts, secrets.token_bytes(48)])


def bearer_of(token: str) -> Callable[[Request], Awaitable[None]]:
    """Return the dependency that refuses a request without the token."""

    async def check(request: Request) -> None:
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not credentials:
            raise ApiError(401, "Not Authorized! Token not present")
        if not hmac.compare_digest(credentials.strip().encode(), token.encode()):
            raise ApiError(401, "Not Authorized! Invalid token")

    return check
