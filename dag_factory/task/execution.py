"""
One execution of a pipeline's task, in the worker: its config made ready, its workflow run, its outcome reported.

Airflow imports the operators at each parse, so what only a worker needs begins here.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from dag_factory import settings
from dag_factory.airflow_versions import AirflowFailException, AirflowTaskTimeout
from dag_factory.configs import allowed
from dag_factory.configs.at_rest import open_texts, sealed_values
from dag_factory.configs.document import Document
from dag_factory.configs.pipeline import IngestionPipeline
from dag_factory.configs.problem import InvalidError
from dag_factory.configs.server_connection import FIELD, require_server, resolved
from dag_factory.errors import ConfigError, DagFactoryError, ServerUnavailable, WorkflowError
from dag_factory.ingestion.jobs import REPORT, RUN
from dag_factory.ingestion.log_levels import ingestion_logging
from dag_factory.ingestion.run import End, Job, PipelineRun, Summary, close_streamed_log
from dag_factory.openmetadata.outcomes import Report, Reporter
from dag_factory.openmetadata.run_ids import openmetadata_run_id
from dag_factory.options import SECTION
from dag_factory.reporting.task_outcome import TaskOutcome
from dag_factory.runner.child_process import Child
from dag_factory.runner.interpreter import choose, environment
from dag_factory.secrets.masking import Mask
from dag_factory.secrets.redaction import secret_values
from dag_factory.secrets.references import resolve
from dag_factory.store import ConfigStore, configured_store
from dag_factory.store.catalog import Catalog
from dag_factory.store.config import BrokenConfig, Config, check
from dag_factory.store.config_version import CONFIG_XCOM, config_version, version_text
from dag_factory.task.links import links_to
from dag_factory.task.overtime import no_overtime
from dag_factory.task.run_conf import overridden
from dag_factory.task.server_check import require_answers

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

_CHILD_REPORT_SECONDS = 60.0
# For how long a server that does not answer is tried again: a restart takes less.
_RETRY_SECONDS = 30.0


class Execution:
    """
    One try of one run.

    :param dag_id: whose config is to be run
    :param context: Airflow's of the task
    :param problem: what is wrong with the config, where its last good version is to be run
    """

    def __init__(self, dag_id: str, context: Context, problem: str | None = None) -> None:
        self._dag_id = dag_id
        self._problem = problem
        self._context = context
        self._mask = Mask()
        timeout = context["task"].execution_timeout
        self._ends_at = time.monotonic() + timeout.total_seconds() if timeout is not None else None
        self._outcome = TaskOutcome(context, self._report_by_ingestion)
        self._run: PipelineRun | None = None
        self._child: Child | None = None
        self._python: str | None = None
        self.links: Mapping[str, str] = MappingProxyType({})
        """Where the pipeline is in OpenMetadata's UI, by the XComs of the links."""

    def run(self) -> Summary:
        """
        Run the pipeline to its end and return, for each step of its workflow, what it has done.

        :raises AirflowFailException: where the config is wrong, so that no retry would help
        :raises DagFactoryError: where it fails in another way
        """
        failure: BaseException
        with self._mask.over_output():
            try:
                return self._run_job(self._prepare())
            except Exception as error:  # noqa: BLE001 - whatever a workflow raises may quote its config
                failure = self._failure(error)
                # A server that does not answer has had its time.
                seconds = 0.0 if isinstance(failure, ServerUnavailable) else _RETRY_SECONDS
                is_final = isinstance(failure, AirflowFailException)
                self._outcome.failed(str(failure), is_final=is_final, retry_seconds=seconds)
            except BaseException as interruption:  # noqa: BLE001 - it is raised again
                failure = self._without_secrets(interruption)
                reason = _interrupted(failure)
                log.error("%s", reason)
                # A workflow that a time-out interrupts reports success.
                self._outcome.failed(reason)
        # Raised here, it carries no trace of the original, nor what that came from.
        raise failure from None

    def kill(self) -> None:
        """End what runs, and report that it was asked to end."""
        if self._child is not None:
            self._child.terminate()
        self._outcome.stopped()

    def _prepare(self) -> tuple[Job, str | None]:
        """Return the job of this run, and the interpreter for it, None where that is this process's."""
        config = self._config()
        self._mask.spare(open_texts(config.document))
        # This worker's own settings count, whatever the DAG processor's or the API server's are.
        opened = allowed.configured()
        try:
            with _naming(config):
                stored = resolved(config.document, self._dag_id, opened, on_secret=self._mask.add_unless_open)
                as_stored = IngestionPipeline.from_document(stored)
        except ConfigError as error:
            raise (config.problem if isinstance(config, BrokenConfig) else error) from None
        # With the way to the server known, whatever is wrong with the rest can be reported.
        self._outcome.job = self._job(as_stored, {FIELD: stored.get(FIELD)})
        if isinstance(config, BrokenConfig):
            raise config.problem
        with _naming(config):
            opened.check(config.document)
            rest = {name: value for name, value in stored.items() if name != FIELD}
            rest = resolve(
                rest,
                self._dag_id,
                keys=opened.keys,
                permit=opened.check_reference,
                on_secret=self._mask.add_unless_open,
            )
        # References in a conf stay as they are: who may trigger may not read what the worker can.
        document = overridden({**stored, **rest}, self._conf)
        for secret in secret_values(document):
            self._mask.add(secret)
        for value in sealed_values(document):
            self._mask.add_unless_open(value)
        pipeline = IngestionPipeline.from_document(document)
        job = self._outcome.job = self._job(pipeline, document)
        opened.check_application(document)
        # As the document stands: what a reference became is not for everybody who may see the run.
        self._show(config, as_stored, require_server(document)["hostPort"])
        python = choose(pipeline.dag_factory.runner.python)
        where = "in the task's process" if python is None else f"by {python}"
        log.info("Running config '%s' as OpenMetadata run %s, %s", config.key, job.run_id, where)
        return job, python

    def _config(self) -> Config | BrokenConfig:
        """Return the config as the DAG was built from it, which for a broken one is its last good version."""
        store = configured_store()
        copy = store.last_good.find(self._dag_id) if self._problem is not None else None
        if copy is not None:
            config, problem = Config(self._dag_id, copy.key, copy.document), self._problem
        else:
            found = Catalog(store, check).find(self._dag_id) or self._missing_config(store)
            if isinstance(found, BrokenConfig):
                if not isinstance(found.problem, InvalidError):
                    raise found.problem  # it can't be read, or without its defaults
                return found
            config, problem = found, str(found.trouble.problem) if found.trouble is not None else None
        if problem is not None:
            log.warning("%s. The last good version runs: %s", problem.rstrip("."), version_text(config_version(config)))
        return config

    def _missing_config(self, store: ConfigStore) -> NoReturn:
        # Where only the store is out of reach, a retry may find it.
        store.confirm_absence()
        raise ConfigError(
            f"no config of the store has the DAG id '{self._dag_id}' any more. "
            "Deploy the pipeline again, or delete the DAG"
        )

    @property
    def _conf(self) -> Mapping[str, object]:
        return self._context["dag_run"].conf or {}

    def _job(self, pipeline: IngestionPipeline, document: Document) -> Job:
        """Return this run of the pipeline in the form that needs nothing of Airflow, nor of our section."""
        run_id = openmetadata_run_id(self._dag_id, self._context["run_id"], self._conf)
        theirs = {name: value for name, value in document.items() if name != "dagFactory"}
        return Job(
            theirs,
            pipeline.fqn,
            run_id,
            settings.allowed_applications(),
            started=self._outcome.started,
            is_retried=self._outcome.is_retried,
        )

    def _show(self, config: Config, pipeline: IngestionPipeline, host_port: object) -> None:
        """Show in Airflow's UI, from the beginning, where the pipeline is and which version of its config runs."""
        self.links = links_to(pipeline, host_port)
        for key, value in {CONFIG_XCOM: config_version(config), **self.links}.items():
            self._context["ti"].xcom_push(key=key, value=value)

    def _run_job(self, prepared: tuple[Job, str | None]) -> Summary:
        job, python = prepared
        require_answers(require_server(job.document))
        with ingestion_logging(str(job.document.get("loggerLevel") or "INFO")):
            end = self._run_here(job) if python is None else self._run_in_child(job, python)
        for step, counts in end["summary"].items():
            log.info("%s: %s", step, ", ".join(f"{count} {name}" for name, count in counts.items()))
        self._outcome.succeeded(end)
        return end["summary"]

    def _run_here(self, job: Job) -> End:
        self._run = PipelineRun(job, on_secret=self._mask.add, ends_at=self._ends_at)
        with no_overtime(self._ends_at, lambda: self._outcome.failed(_OVERTIME, leave=False)):
            try:
                return self._run.execute()
            except Exception as error:  # noqa: BLE001 - as in `run`
                # Logged here, it stands in a log that is streamed to the server too.
                raise self._failure(error) from None
            finally:
                close_streamed_log()

    def _run_in_child(self, job: Job, python: str) -> End:
        self._python = python
        self._child = self._new_child(python)
        end: End = self._child.run(RUN, asdict(job))
        return end

    def _new_child(self, python: str) -> Child:
        return Child(python, environment(python, secrets=self._mask.secrets), self._mask)

    def _report_by_ingestion(self, report: Report) -> bool:
        """Send a report by openmetadata-ingestion's client, here or in a child; return whether the server has it."""
        job = self._outcome.job
        if self._run is not None:
            return self._run.report(report)
        # A child that was asked to end reports that itself.
        if job is None or self._python is None or report.reporter is Reporter.KILL_HANDLER:
            return False
        order = {"document": job.document, "pipeline_fqn": job.pipeline_fqn, "run_id": job.run_id}
        try:
            child = self._new_child(self._python)
            return bool(child.run(REPORT, {**order, "report": report.to_json()}, timeout=_CHILD_REPORT_SECONDS))
        except DagFactoryError as error:
            log.warning("The child process could not report run %s to OpenMetadata: %s", job.run_id, error)
            return False

    def _failure(self, error: Exception) -> Exception:
        """Return what the task fails with, the same in plain words and without secrets; log whatever is unexpected."""
        text = self._mask.hide(str(error))
        if isinstance(error, ConfigError):
            return AirflowFailException(text)
        if isinstance(error, (DagFactoryError, AirflowFailException)):
            return type(error)(text)
        log.error(self._mask.hide(traceback.format_exc()))
        return WorkflowError(f"{type(error).__name__}: {text}")

    def _without_secrets(self, interruption: BaseException) -> BaseException:
        """Return what ends a task, such as a time-out or ``sys.exit``, without the secrets in its texts."""
        if isinstance(interruption, SystemExit):
            is_text = not isinstance(interruption.code, (int, type(None)))
            return SystemExit(self._mask.hide(str(interruption.code)) if is_text else interruption.code)
        interruption.args = tuple(
            self._mask.hide(part) if isinstance(part, str) else part for part in interruption.args
        )
        return interruption.with_traceback(None)


_TIME = f"airflowConfig.workflowTimeout, or, for a pipeline without one, [{SECTION}] longest_run"
_OVERTIME = f"The run did not stop at its time-out ({_TIME}), so its process was ended."


@contextmanager
def _naming(config: Config | BrokenConfig) -> Iterator[None]:
    """Let errors of a config say which file is wrong; those of a run's conf are not the file's."""
    try:
        yield
    except ConfigError as error:
        raise error.within(config.key) from None


def _interrupted(interruption: BaseException) -> str:
    """Return why a task ends that something else than an error has interrupted."""
    if isinstance(interruption, AirflowTaskTimeout):
        return f"The run took longer than allowed ({_TIME}), so it was ended."
    text = f": {interruption}" if str(interruption) else ""
    return f"The workflow ended its process ({type(interruption).__name__}{text})."
