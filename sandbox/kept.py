"""What stays the same when the sandbox is started again: ports, login, keys, and Airflow's home while it fits."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from sandbox.files import write_whole
from sandbox.stack import AirflowConfig, free_port

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Kept:
    """Ports of 127.0.0.1, and what must be the same for a login, a token or an encrypted value to be valid again."""

    airflow_port: int
    openmetadata_port: int
    password: str
    token: str
    fernet_key: str
    secret_key: str
    jwt_secret: str

    @property
    def config(self) -> AirflowConfig:
        """The options of airflow.cfg that hold Airflow's keys."""
        return {
            "core": {"fernet_key": self.fernet_key},
            "api": {"secret_key": self.secret_key},
            "api_auth": {"jwt_secret": self.jwt_secret},
        }


def recall(path: Path) -> Kept:
    """Return what a file keeps; made up and written, for its owner alone, where it is missing or can't be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return Kept(**{field.name: found[field.name] for field in fields(Kept)})
    made = Kept(
        airflow_port=free_port(),
        openmetadata_port=free_port(),
        password=secrets.token_urlsafe(12),
        token=secrets.token_urlsafe(32),
        fernet_key=base64.urlsafe_b64encode(os.urandom(32)).decode(),
        secret_key=secrets.token_urlsafe(64),
        jwt_secret=secrets.token_urlsafe(64),
    )
    write_whole(path, json.dumps(asdict(made), indent=2) + "\n")
    return made


def port_or_free(port: int) -> int:
    """Return a port of 127.0.0.1 if nothing listens there, else one where nothing does."""
    with socket.socket() as listener:
        # What has just ended there is no hindrance, as it is none for a server.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return free_port()
        return port


class Home:
    """
    Airflow's home of an earlier start, which can be used again if it was made to the end, and by the same Airflow.

    Its database holds the DAGs, their runs and who has logged in, and to make it takes longer than all else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mark = folder / "made_by.json"

    def is_usable(self) -> bool:
        """Return whether an earlier start has made it to the end, with the Airflow that is installed now."""
        try:
            return bool(json.loads(self._mark.read_text(encoding="utf-8")) == _maker())
        except (OSError, ValueError):
            return False

    def renew(self) -> None:
        """Make the folder anew, empty."""
        discard(self.folder)
        self.folder.mkdir(mode=0o700)

    def finish(self) -> None:
        """Note that it was made to the end."""
        write_whole(self._mark, json.dumps(_maker()) + "\n")


def _maker() -> dict[str, str]:
    return {"apache-airflow-core": version("apache-airflow-core")}


def discard(folder: Path) -> None:
    """Remove a folder, to which processes of a killed run may still write for a moment."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix="discarded-"))
        folder.rename(aside / folder.name)
        shutil.rmtree(aside, ignore_errors=True)
