"""What receives metrics: a StatsD server, and a collector of OpenTelemetry."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

_LONGEST = 65_536


class StatsdReceiver:
    """Receives datagrams on a port of 127.0.0.1, as a StatsD server does; ``lines`` has what they hold."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> StatsdReceiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty datagram ends it.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def sync(self) -> list[str]:
        """Return all lines that were sent before now."""
        mark = f"mark.{len(self.lines)}:1|c"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while mark not in self.lines:
                sender.sendto(mark.encode(), ("127.0.0.1", self.port))
                threading.Event().wait(0.01)
        return self.named("")

    def named(self, start: str) -> list[str]:
        """Return the lines that begin with a text."""
        return [line for line in list(self.lines) if line.startswith(start) and not line.startswith("mark.")]

    def _receive(self) -> None:
        while data := self._socket.recv(_LONGEST):
            self.lines += data.decode().splitlines()


class OtlpReceiver(ThreadingHTTPServer):
    """
    Receives what OpenTelemetry exports by HTTP; ``points`` has each point by metric: its tags, and its value or sum.

    :param answers: whether it ever answers
    """

    daemon_threads = True

    def __init__(self, *, answers: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _OtlpHandler)
        self.port: int = self.server_address[1]
        self.points: list[tuple[str, dict[str, str], float]] = []
        self.called = threading.Event()
        self.answering = threading.Event()
        if answers:
            self.answering.set()


class _OtlpHandler(BaseHTTPRequestHandler):
    server: OtlpReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.called.set()
        self.server.answering.wait()
        request = ExportMetricsServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    data = getattr(metric, str(metric.WhichOneof("data")))
                    for point in data.data_points:
                        tags = {each.key: each.value.string_value for each in point.attributes}
                        value = point.sum if hasattr(point, "sum") else point.as_double or point.as_int
                        self.server.points.append((metric.name, tags, float(value)))
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collecting(receiver: OtlpReceiver) -> Iterator[OtlpReceiver]:
    """Serve a collector in a thread."""
    thread = threading.Thread(target=receiver.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.answering.set()
        receiver.shutdown()
        receiver.server_close()
        thread.join()
