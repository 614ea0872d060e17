"""Logs: one line of JSON for each event in production, coloured text on a terminal.

Everything goes to standard error, also what libraries say through `logging`.
Keys and passwords are masked wherever they appear.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

_SECRETS: Final = re.compile(
    r"lky_[0-9A-Za-z]{8,}"  # our keys
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"  # user and password of a URL
    r"|(?i:(?<=bearer )\S+)"
)
_SECRET_NAMES: Final = frozenset({"authorization", "cookie", "password", "secret", "key"})
_MASK: Final = "***"


def configure_logs(*, log_format: str, level: str) -> None:
    """Set up structlog and `logging` for this process and the ones it forks.

    Args:
        log_format: "json", "console", or "auto": console if standard error is a terminal.
        level: name of the least severe level that is logged, in any case.
    """
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer()
    )
    tail: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        mask_secrets,
        renderer,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=tail,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # They tell every statement and every request; ask for them by name when needed.
    for chatty in ("tortoise", "asyncio", "aiohttp.access", "strawberry.execution", "alembic"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def mask_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Replace secrets in every text of an event, and the values of fields named like one."""
    for name, value in event.items():
        if name.lower() in _SECRET_NAMES:
            event[name] = _MASK
        elif isinstance(value, str):
            event[name] = _SECRETS.sub(_MASK, value)
        elif isinstance(value, BaseException):
            event[name] = _SECRETS.sub(_MASK, str(value))
    return event
