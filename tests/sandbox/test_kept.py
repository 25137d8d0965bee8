import socket
from pathlib import Path

from sandbox.kept import Home, discard, port_or_free, recall


def test_what_is_kept_is_the_same_at_the_next_start_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    made = recall(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert recall(path) == made
    assert recall(tmp_path / "other.json").password != made.password


def test_a_file_that_can_t_be_read_or_lacks_something_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    for text in ("", "[]", '{"password": "old"}'):
        path.write_text(text)
        made = recall(path)
        assert made.password != "old"
        assert recall(path) == made


def test_a_port_stays_unless_something_listens_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        assert port_or_free(taken) != taken
    assert port_or_free(taken) == taken


def test_a_home_is_usable_once_it_was_made_to_the_end_by_the_same_airflow(tmp_path: Path) -> None:
    home = Home(tmp_path / "airflow")
    assert not home.is_usable()
    home.renew()
    assert not home.is_usable()
    home.finish()
    assert home.is_usable()
    (home.folder / "made_by.json").write_text('{"apache-airflow-core": "3.0.0"}')
    assert not home.is_usable()
    home.renew()
    assert list(home.folder.iterdir()) == []


def test_an_old_home_is_discarded_and_none_is_no_error(tmp_path: Path) -> None:
    home = tmp_path / "airflow"
    discard(home)
    (home / "logs").mkdir(parents=True)
    (home / "airflow.cfg").write_text("old")
    discard(home)
    assert list(tmp_path.iterdir()) == []
