"""Has the OpenMetadata server deploy pipelines again, in portions, some of them at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

from dag_factory.api_server.sync.difference import Differing
from dag_factory.api_server.sync.server_api import RefusedError, ServerApi, ServerFailedError
from dag_factory.api_server.sync.server_pipelines import PATH
from dag_factory.errors import ServerError
from dag_factory.portable.plain_text import cut, one_line

PORTION = 20
AT_ONCE = 2
# If so many in a row fail, the rest will too.
MOST_FAILURES_IN_A_ROW = 100
_LONGEST_REASON = 500
# The token is not, or no longer, accepted, so every further call would fail too.
_FINAL = frozenset({HTTPStatus.UNAUTHORIZED})


@dataclass(frozen=True)
class Redeployed:
    """
    What became of a pipeline.

    :param problem: why it could not be deployed, None where it was
    :param is_gone: whether it was deleted from the server meanwhile
    """

    pipeline: Differing
    problem: str | None = None
    is_gone: bool = False


def redeploy(
    open_api: Callable[[threading.Event], ServerApi],
    pipelines: Sequence[Differing],
    *,
    portion: int = PORTION,
    at_once: int = AT_ONCE,
    most_failures: int = MOST_FAILURES_IN_A_ROW,
) -> Iterator[Redeployed]:
    """
    Have the server deploy pipelines, and yield each as it is done. A single failure stops no other.

    A pipeline is deployed by the server's call for many, and where that fails, by its call for one. Nothing is
    undone. If this is stopped, repeat it with the pipelines that are left.

    :param open_api: opens the server's API, once for each thread; its retries end when the event is set
    :param portion: for how many pipelines a call asks
    :param at_once: how many calls are made at the same time
    :param most_failures: how many deploys in a row may fail, before the rest are left
    :raises ServerUnavailable: where the server does not answer any more
    :raises ServerError: where it refuses the token, or to deploy anything
    """
    stopped = threading.Event()
    portions = (pipelines[start : start + portion] for start in range(0, len(pipelines), portion))
    in_a_row = 0

    def work(some: Sequence[Differing]) -> list[Redeployed]:
        if stopped.is_set():
            return []
        with open_api(stopped) as api:
            return list(_deployed(api, some, stopped))

    with ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="redeploy") as threads:
        running: set[Future[list[Redeployed]]] = {threads.submit(work, some) for some in islice(portions, at_once)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {threads.submit(work, some) for some in islice(portions, len(done))}
                for each in done:
                    for result in each.result():
                        in_a_row = in_a_row + 1 if result.problem else 0
                        yield result
                        if in_a_row >= most_failures:
                            raise ServerError(
                                f"the last {in_a_row} deploys failed, the rest are left: {result.problem}"
                            )
        finally:
            stopped.set()


def _deployed(api: ServerApi, some: Sequence[Differing], stopped: threading.Event) -> Iterator[Redeployed]:
    """Deploy a portion, then one by one the pipelines that failed."""
    done = _deployed_together(api, some) if len(some) > 1 else set()
    for pipeline in some:
        if pipeline.id in done:
            yield Redeployed(pipeline)
        elif not stopped.is_set():
            yield _deployed_alone(api, pipeline)


def _deployed_together(api: ServerApi, some: Sequence[Differing]) -> set[str]:
    """
    Return the ids of the pipelines that the server has deployed by one call.

    :raises ServerUnavailable: where it does not answer any more
    """
    try:
        answers = api.post(f"{PATH}/bulk/deploy", [each.id for each in some])
    except RefusedError as error:
        if error.status in _FINAL:
            raise
        return set()
    except ServerFailedError:
        # An older server answers all with the error of one.
        return set()
    # The answers are in the order of the ids, and name none.
    if not isinstance(answers, list) or len(answers) != len(some):
        return set()
    return {
        each.id
        for each, answer in zip(some, answers, strict=True)
        if isinstance(answer, dict) and answer.get("code") == HTTPStatus.OK
    }


def _deployed_alone(api: ServerApi, pipeline: Differing) -> Redeployed:
    """
    Deploy one pipeline.

    :raises ServerUnavailable: where the server does not answer any more
    """
    try:
        answer = api.post(f"{PATH}/deploy/{pipeline.id}")
    except RefusedError as error:
        if error.status in _FINAL:
            raise
        if error.status == HTTPStatus.NOT_FOUND:
            return Redeployed(pipeline, is_gone=True)
        return Redeployed(pipeline, error.said or str(error))
    except ServerFailedError as error:
        return Redeployed(pipeline, str(error))
    code = answer.get("code") if isinstance(answer, dict) else None
    if code == HTTPStatus.OK:
        return Redeployed(pipeline)
    reason = answer.get("reason") if isinstance(answer, dict) else None
    said = cut(one_line(reason), _LONGEST_REASON) if isinstance(reason, str) else "the server does not say why"
    return Redeployed(pipeline, said)
