"""The mask: no secret leaves the process in a log line, whoever writes it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote_plus

import pytest
from pydantic import BaseModel, ValidationError

from dag_factory.masking import Mask

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


@pytest.mark.parametrize("form", [str, repr, json.dumps, quote_plus])
def test_a_secret_is_hidden_in_each_form_in_which_it_may_be_printed(mask: Mask, form: Callable[[str], str]) -> None:
    printed = form(SECRET)
    assert mask.hide(f"before {printed} after").replace('"', "").replace("'", "") == "before *** after"


def test_the_longer_of_two_secrets_is_hidden_whole() -> None:
    mask = Mask()
    mask.add("hunter")
    mask.add("hunter2-and-more")
    assert mask.hide("hunter2-and-more hunter hunting") == "*** *** hunting"


def test_a_mask_that_knows_no_secret_changes_nothing_and_short_texts_are_none() -> None:
    mask = Mask()
    mask.add("on")
    assert mask.hide("one two") == "one two"


def test_log_lines_arguments_and_exceptions_of_any_logger_are_hidden(mask: Mask) -> None:
    with logged() as output, mask.over_logs():
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
    with mask.over_logs(), logged() as output:
        logging.getLogger("somebody.else").warning("in the text %s", SECRET)
    assert output.getvalue() == "in the text ***\n"


def test_a_call_with_the_wrong_arguments_raises_nothing_and_shows_no_secret(mask: Mask) -> None:
    text = "%d of %s"
    with mask.over_logs(), logged() as output:
        logging.getLogger("somebody.else").warning(text, SECRET)
    assert output.getvalue() == "%d of %s ('***',)\n"


def test_when_it_is_over_logging_is_as_it_was(mask: Mask) -> None:
    with logged() as output:
        with mask.over_logs():
            pass
        logging.getLogger("somebody.else").warning(SECRET)
    assert SECRET in output.getvalue()
