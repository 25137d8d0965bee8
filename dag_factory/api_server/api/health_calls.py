"""The calls about this Airflow itself, and the one that is not supported."""

from __future__ import annotations

import asyncio
import socket

from fastapi import APIRouter

from dag_factory import settings
from dag_factory.api_server.api.answers import Refused, refusals
from dag_factory.api_server.api.dependencies import ApplicationDep, CallerDep

router = APIRouter()

# Addresses reserved for documentation. Connecting a datagram socket sends nothing; it only looks up the route.
_NOWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


@router.get("/health")
async def health(application: ApplicationDep) -> dict[str, str]:
    """Answer that the API works, with the version of openmetadata-ingestion. Needs no credentials."""
    return {"status": "healthy", "version": await application.ingestion_version.get()}


@router.get("/health-auth", responses=refusals(401, 500))
async def health_auth(_: CallerDep, application: ApplicationDep) -> dict[str, str]:
    """
    Answer as `health` does, for callers with valid credentials alone, with what is wrong with the store.

    ``store`` says why the config store can't be used, and ``load`` why not all configs are loaded, or will not be soon.
    """
    return {**await health(application), **await application.store.problems()}


@router.get("/csrf-token")
async def csrf_token() -> dict[str, None]:
    """Answer that no token against forged requests is needed: no cookie logs in, and no form is read."""
    return {"csrf_token": None}


@router.get("/ip", responses=refusals(401, 500))
async def ip(_: CallerDep) -> dict[str, str]:
    """Return the address of this Airflow."""
    address = settings.host_ip()
    return {"ip": address if address is not None else await asyncio.to_thread(own_address)}


@router.post("/run_application", responses=refusals(401, 415, 500, 501))
async def run_application(_: CallerDep) -> None:
    """Run an application without deploying it."""
    raise Refused(501, "An application runs as a pipeline. Deploy that pipeline and trigger it.")


def own_address() -> str:
    """Return the address from which this machine makes connections; nothing is sent to find it out."""
    for family, nowhere in _NOWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as way:
                way.connect((nowhere, 9))
                return str(way.getsockname()[0])
        except OSError:
            continue
    return "127.0.0.1"
