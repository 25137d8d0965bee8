"""The mask: no secret leaves the process in a line that is logged or printed."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import pytest
from pydantic import BaseModel, ValidationError
from sqlalchemy.engine import URL

from dag_factory.portable.secrets.masking import Mask

SECRET = 'p@ss "wörd"/%\n'


@pytest.fixture
def mask() -> Mask:
    mask = Mask()
    mask.add(SECRET)
    return mask


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Yield what the root logger's handlers write."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.getLogger().addHandler(handler)
    try:
        yield output
    finally:
        logging.getLogger().removeHandler(handler)


class OneField(BaseModel):
    name: str


def test_nothing_is_left_of_a_secret_that_pydantic_cuts_in_the_middle() -> None:
    secret = "half-of-this-secret-is-left-and-half-is-not"
    mask = Mask()
    mask.add(secret)
    with pytest.raises(ValidationError) as error:
        OneField.model_validate({"name": {"token": secret, "more": ["a", "b", secret]}, "x": secret})
    text = str(error.value)
    assert "half-of" in text
    assert secret not in text
    hidden = mask.hide(f"{text}\n{text}")
    assert hidden.count("input_value=***, input_type=dict") == 2
    assert "half" not in hidden
    assert "-not" not in hidden


@pytest.mark.parametrize("text", ["input_value=", "input_value=x, input_type=", ", input_type=", "p@ss"])
def test_a_long_text_is_hidden_too(mask: Mask, text: str) -> None:
    for number in range(100):
        mask.add(f"another secret {number}")
    whole = text * (2 * 1024 * 1024 // len(text))
    assert mask.hide(whole + SECRET) == whole.replace("=x,", "=***,") + "***"


def test_a_value_that_pydantic_quotes_is_hidden_to_its_end_and_no_further() -> None:
    text = "a input_value=b input_value=c, input_type=d input_type=e, input_value=f"
    assert Mask().hide(text) == "a input_value=***, input_type=d input_type=e, input_value=f"


def of_an_url(password: str) -> str:
    address = URL.create("postgresql", "user", password, "host").render_as_string(hide_password=False)
    return address.removeprefix("postgresql://user:").removesuffix("@host")


def in_base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode().rstrip("=")


def in_base64_for_urls(secret: str) -> str:
    return base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")


def of_bytes(secret: str) -> str:
    return repr(secret.encode())[1:]


def as_it_is_in_json(secret: str) -> str:
    return json.dumps(secret, ensure_ascii=False)


FORMS = [
    str, repr, ascii, of_bytes, json.dumps, as_it_is_in_json, quote, quote_plus, of_an_url, in_base64,
    in_base64_for_urls,
]  # fmt: skip


@pytest.mark.parametrize("secret", [SECRET, "p w+o/r:d@?", 'it\'s "both"', "~~~~??>>", "back\\slash\t1"])
@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_hidden_in_each_form_in_which_it_may_be_printed(secret: str, form: Callable[[str], str]) -> None:
    mask = Mask()
    mask.add(secret)
    printed = form(secret)
    assert mask.hide(f"before {printed} after").replace('"', "").replace("'", "") == "before *** after"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    mask = Mask()
    mask.add("hunter")
    mask.add("hunter2-and-more")
    assert mask.hide("hunter2-and-more hunter hunting") == "*** *** hunting"


def test_a_mask_that_knows_no_secret_changes_nothing() -> None:
    assert Mask().hide("one two") == "one two"


@pytest.mark.parametrize("secret", ["on", "True", "true", "FALSE", "False", "none", "None", "null", "1234", "54321"])
def test_what_stands_in_every_log_is_no_secret(secret: str) -> None:
    mask = Mask()
    mask.add(secret)
    assert mask.hide(f"a {secret} b") == f"a {secret} b"
    assert mask.secrets == set()


@pytest.mark.parametrize("secret", ["902101", "truest", "x123", "nonexistent"])
def test_but_what_only_begins_so_is_one(secret: str) -> None:
    mask = Mask()
    mask.add(secret)
    assert mask.hide(f"a {secret} b") == "a *** b"


def test_log_lines_arguments_and_exceptions_of_any_logger_are_hidden(mask: Mask) -> None:
    with logged() as output, mask.over_output():
        logger = logging.getLogger("somebody.else")
        logger.warning("in the text %s and as %r", SECRET, {"password": SECRET})
        try:
            int(SECRET)
        except ValueError:
            logger.exception("failed")
    text = output.getvalue()
    assert SECRET not in text
    assert repr(SECRET)[1:-1] not in text
    assert "ValueError: invalid literal for int() with base 10: '***'" in text


def test_a_handler_that_is_added_later_gets_no_secret_either(mask: Mask) -> None:
    with mask.over_output(), logged() as output:
        logging.getLogger("somebody.else").warning("in the text %s", SECRET)
    assert output.getvalue() == "in the text ***\n"


def test_a_call_with_the_wrong_arguments_raises_nothing_and_shows_no_secret(mask: Mask) -> None:
    text = "%d of %s"
    with mask.over_output(), logged() as output:
        logging.getLogger("somebody.else").warning(text, SECRET)
    assert output.getvalue() == "%d of %s ('***',)\n"


def test_what_is_printed_is_hidden_whoever_prints_it(mask: Mask, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError(SECRET)

    with mask.over_output():
        print("with", {"password": SECRET})
        print(SECRET, file=sys.stderr)
        thread = threading.Thread(target=fail)
        hook, threading.excepthook = threading.excepthook, threading.__excepthook__
        thread.start()
        thread.join()
        threading.excepthook = hook
    printed = capsys.readouterr()
    assert printed.out == "with {'password': '***'}\n"
    assert printed.err.startswith("***\nException in thread")
    assert printed.err.endswith("RuntimeError: ***\n")


@pytest.mark.filterwarnings("always")
def test_a_warning_is_hidden_whoever_shows_it(mask: Mask, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[object, ...]] = []

    def show(*args: object) -> None:
        shown.append(args)

    monkeypatch.setattr(warnings, "showwarning", show)
    with mask.over_output():
        warnings.warn_explicit(f"of {SECRET}", DeprecationWarning, "file.py", 7)
    assert shown == [("of ***", DeprecationWarning, "file.py", 7, None, None)]
    assert warnings.showwarning is show


def test_when_it_is_over_printing_is_as_it_was(mask: Mask, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="x"), mask.over_output():
        raise ValueError("x")
    assert (sys.stdout, sys.stderr) == before
    print(SECRET)
    assert capsys.readouterr().out == f"{SECRET}\n"


def test_when_it_is_over_logging_is_as_it_was(mask: Mask) -> None:
    with logged() as output:
        with mask.over_output():
            pass
        logging.getLogger("somebody.else").warning(SECRET)
    assert SECRET in output.getvalue()


def test_a_word_of_an_encrypted_option_is_shown_and_all_else_of_it_is_hidden() -> None:
    mask = Mask(in_airflow=False)
    for text in ("verify-full", "hunter-2", "s3cr3t"):
        mask.add_unless_open(text)
    assert mask.hide("verify-full hunter-2 s3cr3t") == "verify-full *** ***"
    mask.add("letmein")
    assert mask.hide("letmein") == "***"


def test_what_anybody_may_read_is_not_hidden_because_an_unknown_field_repeats_it() -> None:
    mask = Mask(in_airflow=False)
    mask.spare(["sales_2", "hush-5"])
    for text in ("sales_2", "s3cr3t"):
        mask.add_unless_open(text)
    mask.add("hush-5")
    assert mask.hide("sales_2 s3cr3t hush-5") == "sales_2 *** ***"


def test_thousands_of_secrets_are_learnt_at_once() -> None:
    mask = Mask(in_airflow=False)
    for number in range(7000):
        mask.add(f"secret-{number}")
    assert mask.hide("a secret-42 b") == "a *** b"


@pytest.mark.parametrize("split", [1, 4, 9])
@pytest.mark.parametrize("code", ["\x1b[31m", "\x1b[0m", "\x9b1m", "\x1b]8;;x\x07"], ids=repr)
def test_a_colour_in_the_middle_of_a_secret_does_not_show_it(code: str, split: int) -> None:
    mask = Mask(in_airflow=False)
    mask.add("pass-w0rd-canary")
    secret = f"{'pass-w0rd-canary'[:split]}{code}{'pass-w0rd-canary'[split:]}"
    assert mask.hide(f"\x1b[1mthe {secret}\x1b[0m") == "the ***"
    with logged() as output, mask.over_output():
        logging.getLogger("metadata.Ingestion").warning("\x1b[33m%s\x1b[0m of it", secret)
    assert output.getvalue() == "*** of it\n"


@pytest.mark.parametrize("secret", ["can\x1b[31mary", "\x1b[31m\x1b[0m-canary"], ids=repr)
def test_a_secret_that_holds_a_colour_is_hidden(secret: str) -> None:
    mask = Mask(in_airflow=False)
    mask.add(secret)
    assert mask.hide(f"\x1b[1mthe {secret} of it\x1b[0m") == "the *** of it"


@pytest.mark.parametrize("broken", ["\x1b", "\x1b[", "\x9b"], ids=repr)
def test_a_broken_code_before_a_secret_takes_nothing_of_it(broken: str) -> None:
    mask = Mask(in_airflow=False)
    mask.add("secret-canary")
    assert "canary" not in mask.hide(f"{broken}secret-canary")


@pytest.mark.parametrize(("length", "is_hidden"), [(15, False), (16, True)])
def test_a_line_of_a_secret_is_hidden_by_itself_where_it_is_long_enough(length: int, is_hidden: bool) -> None:
    mask = Mask()
    line = "k" * length
    mask.add(f"first of them\n{line}\nlast of them")
    assert mask.hide(f"<{line}>") == ("<***>" if is_hidden else f"<{line}>")
