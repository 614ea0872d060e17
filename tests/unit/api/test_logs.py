"""What a log line looks like, and what is never in one."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from api.logs import configure_logs, mask_secrets

KEY = "lky_8bElRkAY9DaUqfjnDNQNaw3pHfOp2Crh2Qap0x"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (f"key {KEY} refused", "key *** refused"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("postgres://me:word@host/db is away", "postgres://***@host/db is away"),
        ("nothing secret here", "nothing secret here"),
    ],
)
def test_secrets_are_masked_in_every_text(said: str, written: str) -> None:
    assert mask_secrets(None, "info", {"event": said}) == {"event": written}


def test_fields_named_like_a_secret_are_masked_whatever_they_hold() -> None:
    event = {"event": "e", "Authorization": "x", "password": 1, "label": "x"}

    assert mask_secrets(None, "info", event) == {
        "event": "e",
        "Authorization": "***",
        "password": "***",
        "label": "x",
    }


def test_json_has_one_object_for_each_event_with_its_context(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(log_format="json", level="info")

    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.stdlib.get_logger("linkyard.test").info("happened", key_used=KEY)
    structlog.stdlib.get_logger("linkyard.test").debug("not shown")

    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    event.pop("timestamp")
    assert event == {
        "event": "happened",
        "key_used": "***",
        "level": "info",
        "logger": "linkyard.test",
        "request_id": "r1",
    }


def test_what_libraries_log_becomes_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json", level="info")

    try:
        int(f"no {KEY}")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("failed for %s", KEY)

    [line] = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"]) == ("failed for ***", "error")
    assert "ValueError: invalid literal for int() with base 10: 'no ***'" in event["exception"]
    assert KEY not in line
