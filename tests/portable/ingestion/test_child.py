"""What a child sends to its parent, and what a signal in the middle of it changes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading

from dag_factory.portable.ingestion.child import Messages

LENGTH = 1_000_000

# Logs more than a pipe holds, and logs in the handler of SIGTERM too, as a child that reports that it was asked to end.
LOGGING = f"""
import logging, os, signal, sys
from dag_factory.portable.ingestion.child import MessageHandler, Messages

def on_term(*_):
    logging.warning("the run can't be reported")
    os.write(1, b"handled\\n")

logging.basicConfig(level=logging.INFO, handlers=[MessageHandler(Messages(int(sys.argv[1])))])
signal.signal(signal.SIGTERM, on_term)
logging.info("x" * {LENGTH})
logging.info("after")
"""

SECONDS = 60.0
"""How long a test waits for something that must happen."""


def test_a_signal_s_handler_may_log_while_its_thread_sends_and_tears_no_line() -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", LOGGING, str(writing)], pass_fds=[writing], stdout=subprocess.PIPE
    )
    os.close(writing)
    try:
        assert process.stdout is not None
        # Once the first bytes are there, the child waits for a reader.
        assert select.select([reading], [], [], SECONDS)[0]
        process.send_signal(signal.SIGTERM)
        assert select.select([process.stdout], [], [], SECONDS / 3)[0], "the handler waits for its own thread"
        with os.fdopen(reading, "rb", closefd=False) as messages:
            texts = [json.loads(line)["log"]["text"] for line in messages]
        assert texts == ["x" * LENGTH, "after"]
    finally:
        process.kill()
        process.communicate()
        os.close(reading)


def test_messages_of_several_threads_are_whole_lines() -> None:
    reading, writing = os.pipe()
    messages = Messages(writing)

    def send(text: str) -> None:
        for _ in range(5):
            messages.send(secret=text)

    threads = [threading.Thread(target=send, args=(name * 50_000,)) for name in "abc"]
    for thread in threads:
        thread.start()
    with os.fdopen(reading, "rb") as lines:
        found = [json.loads(lines.readline())["secret"] for _ in range(15)]
    assert sorted(found) == [name * 50_000 for name in "abc" for _ in range(5)]
    for thread in threads:
        thread.join()
    os.close(writing)
