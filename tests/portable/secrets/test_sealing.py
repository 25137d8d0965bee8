"""Sealed values: for one DAG, with keys that say whether they are there, and that can be rotated."""

from __future__ import annotations

import base64

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given
from hypothesis import strategies as st

from dag_factory.errors import SettingsError
from dag_factory.portable.secrets.sealing import Keys, UnsealError

CANARY = "s3cr3t-canary"
OLD, NEW = "A" * 43 + "=", base64.urlsafe_b64encode(bytes(range(32))).decode()
FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"


@given(st.text(), st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_a_text_is_sealed_for_one_dag(text: str, dag_id: str, other: str) -> None:
    text = text.encode(errors="ignore").decode()
    dag_id, other = (name.encode(errors="ignore").decode() for name in (dag_id, other))
    sealed = Keys(OLD).seal(text, dag_id)
    assert Keys(OLD).unseal(sealed, dag_id) == text
    if other != dag_id:
        for use in (Keys(OLD).unseal, Keys(OLD).check):
            with pytest.raises(UnsealError, match="was encrypted for another DAG"):
                use(sealed, other)
        # The digest is a hint: without it, or with that of the other DAG, the key does not fit all the same.
        hints, _, token = sealed.rpartition(":")
        fingerprint, _, _ = hints.partition(":")
        digest = Keys(OLD).seal(text, other).split(":")[1]
        for without in (token, f"{fingerprint}:{token}", f"{fingerprint}:{digest}:{token}"):
            Keys(OLD).check(without, other)
            with pytest.raises(UnsealError, match="can't be decrypted"):
                Keys(OLD).unseal(without, other)


def test_the_key_is_airflow_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FERNET_KEY, NEW)
    assert Keys(NEW).unseal(Keys().seal("text", "a"), "a") == "text"


def test_what_airflow_itself_has_encrypted_can_not_be_opened() -> None:
    token = Fernet(OLD).encrypt(CANARY.encode()).decode()
    for sealed in (token, f"{Keys(OLD).fingerprints[0]}:{token}"):
        with pytest.raises(UnsealError, match="can't be decrypted") as error:
            Keys(OLD).unseal(sealed, "a")
        assert CANARY not in str(error.value)
        assert token not in str(error.value)


def test_nor_can_airflow_s_key_open_what_is_sealed() -> None:
    token = Keys(OLD).seal("text", "a").rpartition(":")[2]
    with pytest.raises(InvalidToken):
        Fernet(OLD).decrypt(token)


@pytest.mark.parametrize("sealed", [CANARY, f"ünï-{CANARY}", "gAAAAA==", "", ":", f"::{CANARY}", "12345678"])
def test_what_is_not_sealed_is_refused_and_not_quoted(sealed: str) -> None:
    with pytest.raises(UnsealError, match="can't be decrypted") as error:
        Keys(OLD).unseal(sealed, "a")
    assert CANARY not in str(error.value)


def test_a_sealed_value_without_a_digest_of_its_dag_is_opened_as_well() -> None:
    fingerprint, _, token = Keys(OLD).seal("text", "a").split(":")
    sealed = f"{fingerprint}:{token}"
    Keys(OLD).check(sealed, "a")
    assert Keys(OLD).unseal(sealed, "a") == "text"
    assert Keys(OLD).is_newest(sealed)


def test_a_sealed_value_without_fingerprint_is_opened_as_well() -> None:
    token = Keys(OLD).seal("text", "a").rpartition(":")[2]
    Keys(NEW).check(token)
    assert Keys(f"{NEW},{OLD}").unseal(token, "a") == "text"
    assert not Keys(OLD).is_newest(token)


def test_what_is_sealed_says_with_which_key() -> None:
    both = Keys(f"{NEW}, {OLD}")
    old, new = Keys(OLD).seal("text", "a"), both.seal("text", "a")
    assert both.fingerprints == (*Keys(NEW).fingerprints, *Keys(OLD).fingerprints)
    assert (both.is_newest(old), both.is_newest(new)) == (False, True)
    assert both.unseal(old, "a") == both.unseal(new, "a") == Keys(NEW).unseal(new, "a") == "text"
    both.check(old)
    for use in (Keys(NEW).check, lambda sealed: Keys(NEW).unseal(sealed, "a")):
        with pytest.raises(UnsealError, match=rf"fingerprint {old[:8]}, which is missing from \[core\] fernet_key"):
            use(old)


def test_a_fingerprint_is_the_same_in_every_process_and_is_no_part_of_the_key() -> None:
    assert Keys(OLD).fingerprints == ("46562553",)
    assert Keys(NEW).fingerprints == ("1b93fec2",)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("", "is empty"),
        (" , ", "is empty"),
        (CANARY, "is malformed: its key is not 32 bytes"),
        (f"{OLD},{CANARY}", "is malformed: number 2 of its 2 keys"),
        (f"{OLD},,{CANARY},{NEW}", "is malformed: number 2 of its 3 keys"),
        (OLD[:-2], "is malformed"),
        ("A" * 64, "is malformed"),
        (f"ünï-{CANARY}", "is malformed"),
    ],
)
def test_a_setting_without_keys_says_what_is_wrong_and_not_what_it_holds(setting: str, problem: str) -> None:
    keys = Keys(setting)
    assert keys.fingerprints == ()
    with pytest.raises(SettingsError, match=rf"^\[core\] fernet_key {problem}") as error:
        keys.seal("text", "a")
    assert CANARY not in str(error.value)
    for use in (keys.check, lambda sealed: keys.unseal(sealed, "a")):
        with pytest.raises(UnsealError, match=rf"^is encrypted, and \[core\] fernet_key {problem}"):
            use("x")
    assert not keys.is_newest("x")


def test_a_setting_that_a_command_fails_to_give_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FERNET_KEY, raising=False)
    monkeypatch.setenv(f"{FERNET_KEY}_CMD", "false")
    with pytest.raises(UnsealError, match=r"fernet_key can't be read: .*fernet_key_cmd"):
        Keys().check("x")


def test_the_digest_of_a_dag_is_the_same_in_every_process_and_with_every_key() -> None:
    assert {Keys(key).seal("text", "orders").split(":")[1] for key in (OLD, NEW)} == {"fb7b2cd6"}
