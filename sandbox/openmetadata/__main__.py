"""``python -m sandbox.openmetadata``: run the server. Once it listens, a line of JSON says where."""

import argparse
import json
import socket
from pathlib import Path

import uvicorn

from sandbox.openmetadata import create_app, schemas
from sandbox.openmetadata.access import new_token

HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """A server that prints a line when it is up."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self.announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self.announcement, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.openmetadata", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    parser.add_argument("--source-database", type=Path, help="SQLite file of the service sample_sqlite")
    parser.add_argument("--kept", type=Path, help="file that keeps all entities from one start to the next")
    parser.add_argument("--token", help="token that callers need; without it one is made up and told in the line")
    parser.add_argument("--version", help="version that it says it has, in place of its models'")
    arguments = parser.parse_args()

    schemas.skip_package_init()
    schemas.said_version = arguments.version
    listener = socket.create_server((HOST, arguments.port))
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    token = arguments.token or new_token()
    # The caller knows a token of their own, and it should not stand in a log.
    announced = {"url": url} if arguments.token else {"url": url, "token": token}
    app = create_app(arguments.source_database, token, url, arguments.kept)
    Server(uvicorn.Config(app, log_level="warning", access_log=False), json.dumps(announced)).run([listener])


if __name__ == "__main__":
    main()
