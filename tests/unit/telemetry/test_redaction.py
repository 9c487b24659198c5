"""No secret in a log line: by the name of its member and by its value, wherever it stands (requirement E5)."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from bridge.telemetry.logging import configure
from bridge.telemetry.redaction import HIDDEN, Redactor

SECRET = "canary-7f3a9c"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "root_password",
        "Password",
        "passwd",
        "token",
        "access_token",
        "secret",
        "webhook_secrets",
        "client_secret",
        "Authorization",
        "authorization",
        "Cookie",
        "set-cookie",
        "signature",
        "webhook-signature",
        "api_key",
        "apikey",
        "infrafabric_api_key",
        "master_keys",
        "key",
        "ticket",
    ],
)
def test_E5_members_with_such_a_name_are_hidden(name: str) -> None:
    """Whatever the value is, at the top or deep inside."""
    value: Any
    for value in (SECRET, [SECRET], {"a": SECRET}, 12345678, b"bytes"):
        cleaned = Redactor().clean({"outer": [{name: value}], name: value})
        assert cleaned == {"outer": [{name: HIDDEN}], name: HIDDEN}


@pytest.mark.parametrize(
    "name", ["service_key", "idempotency_key", "password_available", "key_id", "keys_read"]
)
def test_E5_members_that_only_sound_like_one_are_shown(name: str) -> None:
    """What is needed to understand a log line stays readable."""
    assert Redactor().clean({name: "value"}) == {name: "value"}


@pytest.mark.parametrize(
    "event",
    [
        {"detail": f"before {SECRET} after"},
        {"detail": f"{SECRET}{SECRET}"},
        {"a": {"b": [{"c": (f"x{SECRET}",)}]}},
        {"a": {f"x{SECRET}"}},
        {f"name {SECRET}": 1},
        {"url": f"https://host/?q={SECRET}"},
        {"raw": SECRET.encode()},
        {"error": ValueError(SECRET)},
    ],
)
def test_E5_a_known_value_is_hidden_wherever_it_stands(event: dict[str, Any]) -> None:
    """In the middle of a text, in sequences, sets, names, bytes and exceptions."""
    redactor = Redactor()
    redactor.protect(SECRET)
    assert SECRET not in json.dumps(redactor.clean(event), default=str)


def test_E5_of_two_values_the_longer_one_is_hidden_whole() -> None:
    """A secret that begins like another one leaves no tail behind."""
    redactor = Redactor()
    redactor.protect("secret-1")
    redactor.protect("secret-1-and-more")
    assert redactor.clean("x secret-1-and-more y secret-1") == f"x {HIDDEN} y {HIDDEN}"


def test_E5_very_short_values_do_not_hide_ordinary_text() -> None:
    """A password of three letters is not worth an unreadable log."""
    redactor = Redactor()
    redactor.protect("abc")
    redactor.protect("")
    assert redactor.clean("abcdef") == "abcdef"


def test_what_is_remembered_is_bounded() -> None:
    """The oldest values are forgotten first, one that is protected again counts as new."""
    redactor = Redactor(remembered=2)
    for value in ("first-one", "second-one", "first-one", "third-one"):
        redactor.protect(value)
    assert redactor.clean("first-one second-one third-one") == f"{HIDDEN} second-one {HIDDEN}"


def test_what_is_cleaned_is_a_copy() -> None:
    """The event itself, which may be the program's own data, keeps its values."""
    redactor = Redactor()
    redactor.protect(SECRET)
    event = {"a": [SECRET], "password": SECRET}
    redactor.clean(event)
    assert event == {"a": [SECRET], "password": SECRET}


# ---- the whole pipeline ---------------------------------------------------------------------------------------------


Pipeline = Callable[[str], io.StringIO]


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    """Logging as the bridge configures it, `json` or `console`, into a text; the old state afterwards."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()

    def begin(fmt: str) -> io.StringIO:
        redactor, written = Redactor(), io.StringIO()
        redactor.protect(SECRET)
        configure("info", fmt, redactor)
        (handler,) = root.handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written)
        return written

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


def _lines(written: io.StringIO) -> list[dict[str, Any]]:
    text = written.getvalue()
    assert SECRET not in text
    return [json.loads(line) for line in text.splitlines()]


def test_E5_one_json_object_a_line(pipeline: Pipeline) -> None:
    """Time in UTC, level, logger, event and members; from structlog and from the standard library alike."""
    written = pipeline("json")
    structlog.get_logger("a.b").info("thing.happened", count=3)
    logging.getLogger("other").warning("hello %s", "world")
    first, second = _lines(written)
    assert first["at"].endswith("Z")
    del first["at"], second["at"]
    assert first == {"event": "thing.happened", "count": 3, "level": "info", "logger": "a.b"}
    assert second == {"event": "hello world", "level": "warning", "logger": "other"}


@pytest.mark.parametrize("evil", ["\n", "\r\n", "\x00", "\x1b[2J", "\u2028", "\x85", "\ud800"])
def test_E5_log_injection_is_impossible(pipeline: Pipeline, evil: str) -> None:
    """A newline or control character in any value stays inside its JSON string: one call, one line."""
    written = pipeline("json")
    forged = f'x{evil}{{"event": "forged"}}'
    structlog.get_logger().info("thing.happened", detail=forged, **{f"na{evil}me": 1})
    logging.getLogger("other").info("%s", forged)
    lines = _lines(written)
    assert [line["event"] for line in lines] == ["thing.happened", forged]
    assert lines[0]["detail"] == forged


def test_E5_an_exception_is_logged_without_the_secrets_in_it(pipeline: Pipeline) -> None:
    """Message and traceback, of structlog and of the standard library, in one line each."""
    written = pipeline("json")
    try:
        raise ValueError(f"cannot open {SECRET}")
    except ValueError:
        structlog.get_logger().exception("it.broke")
        logging.getLogger("other").exception("it broke, too")
    lines = _lines(written)
    assert len(lines) == 2
    for line in lines:
        assert f"cannot open {HIDDEN}" in line["exception"]


def test_E5_arguments_and_context_are_cleaned_too(pipeline: Pipeline) -> None:
    """Positional arguments of the standard library, bound context, and things that are no text."""
    written = pipeline("json")
    logging.getLogger("other").warning("key %s of %r", SECRET, {"x": SECRET})
    with structlog.contextvars.bound_contextvars(where=f"at {SECRET}"):
        structlog.get_logger().info("thing.happened", thing=_Thing(), raw=SECRET.encode())
    first, second = _lines(written)
    assert HIDDEN in first["event"]
    assert HIDDEN in second["where"]


class _Thing:
    def __repr__(self) -> str:
        return f"<thing {SECRET}>"


def test_E5_the_console_format_is_cleaned_too(pipeline: Pipeline) -> None:
    """The format for reading is no way round."""
    written = pipeline("console")
    structlog.get_logger().info("thing.happened", detail=SECRET, password="abcdefgh", thing=_Thing())
    text = written.getvalue()
    assert "thing.happened" in text
    assert SECRET not in text
    assert "abcdefgh" not in text


def test_logging_before_it_is_configured_does_not_write_to_standard_output() -> None:
    """Standard output belongs to what a command prints; importing the bridge logs nothing there."""
    code = "import bridge.cli, logging; logging.getLogger('bridge').warning('hello')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
