"""A store of tasks' logs in another folder, as Airflow keeps them in object storage."""

from __future__ import annotations

from pathlib import Path

from sandbox.stack import AirflowConfig

# Airflow looks for the store of the tasks' logs beside the logging config that a setting names. That can't be Airflow's
# own, which knows stores on the network only.
REMOTE = """
import os, shutil
from pathlib import Path

from airflow.configuration import conf

HANDLER = "airflow.utils.log.file_task_handler.FileTaskHandler"
LOGGING_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"task": {"class": HANDLER, "base_log_folder": conf.get("logging", "base_log_folder")}},
    "loggers": {"airflow.task": {"handlers": ["task"], "level": "INFO"}},
}


class Folder:
    processors = ()

    def upload(self, path, ti=None):
        to = self.remote(path)
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_suffix(".partial")
        shutil.copyfile(Path(conf.get("logging", "base_log_folder"), path), partial)
        os.replace(partial, to)

    def stream(self, relative_path, ti):
        log = self.remote(relative_path)
        return ([f"elsewhere: {log}"], [self.lines(log)]) if log.exists() else ([], [])

    def remote(self, path):
        return Path(conf.get("logging", "remote_base_log_folder"), path)

    def lines(self, log):
        with log.open() as lines:
            yield from lines


REMOTE_TASK_LOG = Folder()
"""


def remote_logging(home: Path, elsewhere: Path) -> AirflowConfig:
    """Return the settings by which an Airflow keeps the logs of tasks in another folder too; write what they name."""
    module = home / "config" / "remote_folder.py"
    module.parent.mkdir(parents=True)
    module.write_text(REMOTE)
    return {
        "logging": {
            "remote_logging": True,
            "remote_base_log_folder": elsewhere,
            "logging_config_class": "remote_folder.LOGGING_CONFIG",
        }
    }
