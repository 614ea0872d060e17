"""What libraries do again for every test, and what a test run is spared of it."""

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from tortoise import Model
from tortoise.apps import Apps

Built = list[tuple[list[type[Model]], type]]


def build_models_once() -> None:
    """Let Tortoise finish its models once for an engine, not at every opening of the database.

    What it builds stays with the models and depends on nothing but the engine:
    filters, fields and empty queries, 25 ms of every test that has a database.
    """
    build = Apps._build_initial_querysets
    built: Built = []

    def build_once(apps: Apps) -> None:
        wanted: Built = []
        for app in apps.apps.values():
            models = list(app.values())
            wanted.append((models, models[0]._meta.db.executor_class))
        if wanted != built:
            build(apps)
            built[:] = wanted

    Apps._build_initial_querysets = build_once  # type: ignore[method-assign, assignment]


def tell_failures_plainly() -> None:
    """Let a logged failure be Python's own traceback: a coloured one with every variable took 2 s.

    That is about tests that leave structlog as it is; the service sets up its own.
    """
    for processor in structlog.get_config()["processors"]:
        if isinstance(processor, ConsoleRenderer):
            processor.exception_formatter = plain_traceback
