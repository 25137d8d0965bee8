"""A child process by fork, as Airflow's DAG processor makes one for each parse."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def in_child(function: Callable[..., Answer], *arguments: Any) -> Answer:
    """
    Return what a function returns in a child that has this process's imports.

    :raises EOFError: where the child ends without an answer; its traceback is on standard error
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments))
    process.start()
    sender.close()  # or the end of the child would not be the end of the pipe
    try:
        answer: Answer = receiver.recv()
    finally:
        process.join()
    return answer


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    sender.send(function(*arguments))
