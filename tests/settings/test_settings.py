import subprocess
import sys
from pathlib import Path

import pytest

from dag_factory import settings
from dag_factory.errors import DagFactoryError, SettingsError
from dag_factory.settings.options import OPTIONS

CONFIG_STORE = "AIRFLOW__OPENMETADATA_DAG_FACTORY__CONFIG_STORE"


def test_the_environment_says_where_the_configs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_STORE, " /srv/configs\n")
    assert settings.config_store() == "/srv/configs"


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_setting_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(CONFIG_STORE, value)
    with pytest.raises(SettingsError, match=r"\[openmetadata_dag_factory\] config_store is empty"):
        settings.config_store()
    assert issubclass(SettingsError, DagFactoryError)


@pytest.mark.slow
def test_the_default_lies_in_airflows_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # In a process of its own, for Airflow reads its home once.
    monkeypatch.delenv(CONFIG_STORE, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", "from dag_factory import settings; print(settings.config_store())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == f"{tmp_path}/configs"


def test_airflow_lists_every_option_with_what_it_needs_to_know() -> None:
    for option in OPTIONS.values():
        assert option.keys() == {"description", "version_added", "type", "example", "default"}
    assert OPTIONS["config_store"]["default"] == "{AIRFLOW_HOME}/configs"


@pytest.mark.parametrize(("value", "mode"), [("", "auto"), ("auto", "auto"), (" Poll ", "poll"), ("off", "off")])
def test_the_store_is_watched_unless_it_is_switched_off(monkeypatch: pytest.MonkeyPatch, value: str, mode: str) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE", value)
    assert settings.watch_store() == mode


def test_a_way_to_watch_that_there_is_not_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__WATCH_STORE", "sometimes")
    with pytest.raises(SettingsError, match=r"watch_store is invalid\. Set it to one of auto, poll, off"):
        settings.watch_store()


@pytest.mark.parametrize(
    ("value", "is_tag"), [("", False), ("False", False), ("0", False), (" true ", True), ("1", True)]
)
def test_titles_are_tags_where_the_operator_says_so(monkeypatch: pytest.MonkeyPatch, value: str, is_tag: bool) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__TITLE_TAG", value)
    assert settings.title_tag() is is_tag


def test_a_flag_that_is_neither_true_nor_false_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__TITLE_TAG", "yes")
    with pytest.raises(SettingsError, match=r"title_tag is neither true nor false"):
        settings.title_tag()


@pytest.mark.parametrize("option", ["host_ip", "ingestion_version"])
def test_what_is_to_be_found_out_may_be_set(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    assert getattr(settings, option)() is None
    monkeypatch.setenv(f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{option.upper()}", " 10.0.0.7 ")
    assert getattr(settings, option)() == "10.0.0.7"


@pytest.mark.parametrize(
    ("said", "version"), [("v2.0.6", "2.0.6"), ("2.0", "2.0"), ("1.13.0.0.dev1", "1.13.0.0.dev1"), ("2", None),
                          ("v2", None), ("latest", None), ("2.", None), ("2.x", None), ("2.0 or so", None)],
)  # fmt: skip
def test_the_version_of_the_workers_has_two_numbers_at_least(
    monkeypatch: pytest.MonkeyPatch, said: str, version: str | None
) -> None:
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__INGESTION_VERSION", said)
    if version is not None:
        assert settings.ingestion_version() == version
        return
    with pytest.raises(SettingsError, match=r"ingestion_version is not a version such as 2\.0\.6\.0"):
        settings.ingestion_version()


def test_where_ingestion_runs_is_a_word_or_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    option = "AIRFLOW__OPENMETADATA_DAG_FACTORY__PYTHON"
    for value, found in (
        ("", "in_process"),
        ("in_process", "in_process"),
        (" /opt/i/bin/python ", "/opt/i/bin/python"),
    ):
        monkeypatch.setenv(option, value)
        assert settings.python() == found
    monkeypatch.setenv(option, "python3")
    with pytest.raises(SettingsError, match="python: 'python3' is neither"):
        settings.python()


def test_several_interpreters_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.allowed_pythons() == frozenset()
    monkeypatch.setenv("AIRFLOW__OPENMETADATA_DAG_FACTORY__ALLOWED_PYTHONS", " /a/python ,/b/python,\n/c/python,")
    assert settings.allowed_pythons() == {"/a/python", "/b/python", "/c/python"}


@pytest.mark.parametrize(
    ("option", "default", "least"),
    [("automation_workers", 2, 1), ("automation_queue", 20, 0), ("automation_timeout", 300, 1)],
)
def test_numbers_are_checked(monkeypatch: pytest.MonkeyPatch, option: str, default: int, least: int) -> None:
    variable = f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{option.upper()}"
    assert getattr(settings, option)() == default
    monkeypatch.setenv(variable, "7")
    assert getattr(settings, option)() == 7
    monkeypatch.setenv(variable, str(least))
    assert getattr(settings, option)() == least
    for wrong in (str(least - 1), "-1", "many", "1.5"):
        monkeypatch.setenv(variable, wrong)
        with pytest.raises(SettingsError, match=rf"\[openmetadata_dag_factory\] {option} is not a whole number"):
            getattr(settings, option)()


def test_lists_have_defaults_and_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
    assert settings.allowed_env() == ("OPENMETADATA_*",)
    assert settings.allowed_connections() == ("openmetadata*",)
    assert settings.allowed_applications() == ("metadata.",)
    assert settings.allowed_servers() == ()
    monkeypatch.setenv(f"{section}ALLOWED_ENV", "")
    assert settings.allowed_env() == ()
    monkeypatch.setenv(f"{section}ALLOWED_SERVERS", " a.example , *.b.example:8585,\n,")
    assert settings.allowed_servers() == ("a.example", "*.b.example:8585")


def test_the_connection_of_the_server_is_always_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
    monkeypatch.setenv(f"{section}OPENMETADATA_CONN_ID", "catalogue")
    monkeypatch.setenv(f"{section}ALLOWED_CONNECTIONS", "warehouse")
    assert settings.allowed_connections() == ("catalogue", "warehouse")


def test_a_run_without_a_time_out_of_its_own_ends_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    option = "AIRFLOW__OPENMETADATA_DAG_FACTORY__LONGEST_RUN"
    assert settings.longest_run() == 86400
    monkeypatch.setenv(option, "0")
    assert settings.longest_run() is None
    monkeypatch.setenv(option, "never")
    with pytest.raises(SettingsError, match=r"\[openmetadata_dag_factory\] longest_run is not a whole number"):
        settings.longest_run()
    monkeypatch.setenv(option, "2147483647")
    assert settings.longest_run() == 2147483647
    monkeypatch.setenv(option, "2147483648")
    with pytest.raises(SettingsError, match="longest_run is more than 2147483647"):
        settings.longest_run()


def test_runs_are_spread_over_a_day_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    option = "AIRFLOW__OPENMETADATA_DAG_FACTORY__SCHEDULE_SPREAD_SECONDS"
    assert settings.schedule_spread_seconds() == 0
    monkeypatch.setenv(option, "86400")
    assert settings.schedule_spread_seconds() == 86400
    for wrong, words in (
        ("86401", "is more than 86400, a day. Set less"),
        ("-1", "is not a whole number of at least 0"),
    ):
        monkeypatch.setenv(option, wrong)
        with pytest.raises(SettingsError, match=rf"schedule_spread_seconds {words}"):
            settings.schedule_spread_seconds()


def test_the_folders_of_this_package_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    section = "AIRFLOW__OPENMETADATA_DAG_FACTORY__"
    assert settings.state_folder().name == "openmetadata_dag_factory"
    assert settings.last_good_folder() is None
    monkeypatch.setenv(f"{section}STATE_FOLDER", "/var/lib/ours")
    monkeypatch.setenv(f"{section}LAST_GOOD_FOLDER", "/srv/last_good")
    assert settings.state_folder() == Path("/var/lib/ours")
    assert settings.last_good_folder() == Path("/srv/last_good")
    monkeypatch.setenv(f"{section}STATE_FOLDER", "")
    with pytest.raises(SettingsError, match="state_folder is empty"):
        settings.state_folder()


def test_a_home_folder_that_is_unknown_is_an_error_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for option, read in (("state_folder", settings.state_folder), ("last_good_folder", settings.last_good_folder)):
        monkeypatch.setenv(f"AIRFLOW__OPENMETADATA_DAG_FACTORY__{option.upper()}", "~nosuchuser/x")
        with pytest.raises(SettingsError, match=rf"{option}: the home folder in '~nosuchuser/x' is unknown on this"):
            read()
