"""The failures of a task: what it raises and what it reports, in plain words and without secrets."""

from __future__ import annotations

import logging
import traceback

from dag_factory.errors import ConfigError, DagFactoryError, MissingConnectionError, WorkflowError
from dag_factory.portable.openmetadata.counts import summary_of, with_summary
from dag_factory.portable.secrets.masking import Mask
from dag_factory.settings.airflow_versions import AirflowFailException, AirflowTaskTimeout
from dag_factory.settings.options import SECTION

log = logging.getLogger(__name__)

_TIME = f"airflowConfig.workflowTimeout, or, for a pipeline without one, [{SECTION}] longest_run"
OVERTIME = f"The run did not stop at its time-out ({_TIME}), so its process was ended."


def in_plain_words(error: Exception, mask: Mask) -> Exception:
    """
    Return the exception that a task raises: the same error without secrets, or the text of an unexpected one, which is
    logged.

    A wrong config becomes the exception that Airflow does not retry. A missing Connection does not: it may be there at
    the next try. What the workflow has counted is kept.
    """
    text = mask.hide(str(error))
    if isinstance(error, ConfigError) and not isinstance(error, MissingConnectionError):
        return AirflowFailException(text)
    if isinstance(error, (DagFactoryError, AirflowFailException)):
        return with_summary(type(error)(text), summary_of(error))
    log.error(mask.hide(traceback.format_exc()))
    return with_summary(WorkflowError(f"{type(error).__name__}: {text}"), summary_of(error))


def without_secrets(interruption: BaseException, mask: Mask) -> BaseException:
    """Return what ends a task, such as a time-out or ``sys.exit``, without the secrets in its texts."""
    if isinstance(interruption, SystemExit):
        is_text = not isinstance(interruption.code, (int, type(None)))
        return SystemExit(mask.hide(str(interruption.code)) if is_text else interruption.code)
    interruption.args = tuple(mask.hide(part) if isinstance(part, str) else part for part in interruption.args)
    return interruption.with_traceback(None)


def reason_of(interruption: BaseException) -> str:
    """Return why a task was interrupted, where that is not an error."""
    if isinstance(interruption, AirflowTaskTimeout):
        return f"The run took longer than allowed ({_TIME}), so it was ended."
    text = f": {interruption}" if str(interruption) else ""
    return f"The workflow ended its process ({type(interruption).__name__}{text})."
