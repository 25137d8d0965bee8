"""A mail server for the sandbox, which keeps its mails."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any


class Mailbox(socketserver.ThreadingTCPServer):
    """
    Listens on a free port of 127.0.0.1 for as long as the context lasts.

    ``received`` is set once a mail has arrived. ``recipients`` are the addresses of the envelopes, not of the headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port: int = self.server_address[1]
        self.received = threading.Event()
        self.recipients: list[str] = []
        self.mails: list[EmailMessage] = []

    def __enter__(self) -> Mailbox:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's Connection to this server, without its id."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": json.dumps(extra)}

    @property
    def text(self) -> str:
        """The headers and decoded texts of all mails."""
        parts = [part for mail in self.mails for part in mail.walk() if not part.is_multipart()]
        headers = [f"{name}: {value}" for mail in self.mails for name, value in mail.items()]
        return "\n".join([*headers, *(str(part.get_content()) for part in parts)])


class _Handler(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 mailbox\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                self.server.recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                data = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    data += line
                self.server.mails.append(email.message_from_bytes(data, policy=SMTP))
                self.server.received.set()
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
