"""Logs: one structured line per event, for people on a terminal and as JSON otherwise. Never bodies, never secrets."""

import logging
import sys

import structlog

# Libraries whose own lines would hold addresses or bodies (measured: aiosmtpd logs both).
_QUIET = (
    "mail.log",
    "mail.debug",
    "aiosmtplib",
    "huey",
    "asyncio",
    "uvicorn",
    "peewee",
    "multipart",
    "python_multipart",
)


def configure() -> None:
    """Set logging up for this process; lines go to standard error."""
    human = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
