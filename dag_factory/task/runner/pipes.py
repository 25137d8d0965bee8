"""The pipes of a child, read and written by a thread, so that its parent has one queue to wait for."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from io import FileIO
from queue import SimpleQueue
from types import TracebackType

# As much as a pipe can hold: one read has all messages that were sent before something was printed.
_ALL_MESSAGES = 1024 * 1024
# So little that no logger, however slow, is busy for long with what one read has brought.
_OUTPUT_PIECE = 4096
_INPUT_PIECE = 65536
# How many pieces may wait. A child that says more than is logged waits, too.
_ROOM = 8
# How often the thread checks whether it was asked to end. Nearly always it ends earlier, when all pipes have.
_POLL_SECONDS = 0.25


class Source(Enum):
    """The pipes that are read."""

    MESSAGES = auto()
    STDOUT = auto()
    STDERR = auto()


@dataclass(frozen=True)
class Piece:
    """The bytes of one read of a pipe; none at its end."""

    source: Source
    data: bytes


class Pipes:
    """
    The four pipes of a child: its standard streams, and one for its messages. They are closed with the context.

    :param put: called with each piece as it comes, and with an error that ends all reading, in another thread. A
        message comes before the output that was printed after it, since it may name a secret in that
    """

    def __init__(self, put: Callable[[Piece | Exception], None]) -> None:
        self._put = put
        # Not a semaphore: one whose caller a signal's handler interrupts may stay locked for ever.
        self._room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_ROOM):
            self._room.put(None)
        self._is_leaving = False
        with ExitStack() as ends:

            def pipe() -> tuple[FileIO, FileIO]:
                reader, writer = os.pipe()
                return ends.enter_context(FileIO(reader, "rb")), ends.enter_context(FileIO(writer, "wb"))

            self.stdin, self._stdin = pipe()
            self._stdout, self.stdout = pipe()
            self._stderr, self.stderr = pipe()
            self._messages, self.messages = pipe()
            for end in (self._stdin, self._stdout, self._stderr, self._messages):
                os.set_blocking(end.fileno(), False)
            self._ends = ends.pop_all()

    def __enter__(self) -> Pipes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ends.close()

    def close_child_ends(self) -> None:
        """Close the ends that the child has inherited, so that a pipe ends when its other side does."""
        for end in (self.stdin, self.stdout, self.stderr, self.messages):
            end.close()

    @contextmanager
    def carrying(self, order: bytes) -> Iterator[None]:
        """
        Write an order to the child's standard input, and read what the child says, for as long as the context lasts.

        Only a few pieces are read ahead: call `make_room` for each. The input stays open, since the child ends when it
        is closed.
        """
        self._rest = memoryview(order)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE, self._write)
            selector.register(self._messages, selectors.EVENT_READ, self._read_messages)
            for source, pipe in ((Source.STDOUT, self._stdout), (Source.STDERR, self._stderr)):
                selector.register(pipe, selectors.EVENT_READ, partial(self._read_output, source, pipe))
            thread = threading.Thread(target=self._carry, args=[selector], daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._is_leaving = True
                self.make_room()
                thread.join()

    def make_room(self) -> None:
        """Let one more piece be read."""
        self._room.put(None)

    def _carry(self, selector: selectors.BaseSelector) -> None:
        try:
            while selector.get_map() and not self._is_leaving:
                for key, _ in selector.select(_POLL_SECONDS):
                    if not key.data():
                        selector.unregister(key.fileobj)
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for what is read
            self._put(error)

    # Each does what can be done at once, and returns whether there may be more to do.

    def _write(self) -> bool:
        try:
            written = self._stdin.write(self._rest[:_INPUT_PIECE])
        except BrokenPipeError:
            return False
        self._rest = self._rest[written or 0 :]
        return bool(self._rest)

    def _read_messages(self) -> bool:
        return self._hand_on(Source.MESSAGES, self._messages.read(_ALL_MESSAGES))

    def _read_output(self, source: Source, pipe: FileIO) -> bool:
        data = pipe.read(_OUTPUT_PIECE)
        if data:
            # If this is the end of the messages, it is seen at the next read.
            self._hand_on(Source.MESSAGES, self._messages.read(_ALL_MESSAGES) or None)
        return self._hand_on(source, data)

    def _hand_on(self, source: Source, data: bytes | None) -> bool:
        if data is None:  # nothing has come yet
            return True
        if not self._is_leaving:
            self._room.get()
        self._put(Piece(source, data))
        return bool(data)
