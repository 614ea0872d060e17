"""A service whose database is no whole one says so, and does not try for ever."""

import sqlite3
from contextlib import closing

from api.migrate import migrate
from benchmarks.service import service

ORPHAN = """
INSERT INTO link_slug (id, domain_id, slug, link_id) VALUES (1, 2, 'a', 3)
"""


def test_what_is_no_database_is_refused_and_left_alone() -> None:
    with service({"PROCESSES": "1"}, start=False) as running:
        running.data.mkdir(mode=0o700)
        file = running.data / "linkyard.sqlite3"
        file.write_text("Dear reader, this is no database." * 100)

        refused = running.cli("serve", timeout_s=20)

        assert refused.returncode == 1
        assert refused.stderr.splitlines()[0] == (
            "Linkyard does not start: The database is damaged, or no database:"
            " file is not a database."
        )
        assert file.read_text() == "Dear reader, this is no database." * 100


def test_rows_without_their_parents_are_refused_and_left_alone() -> None:
    with service({"PROCESSES": "1"}, start=False) as running:
        running.data.mkdir(mode=0o700)
        migrate(running.database_url)
        with closing(sqlite3.connect(running.data / "linkyard.sqlite3")) as connection:
            connection.execute(ORPHAN)
            connection.commit()

        refused = running.cli("serve", timeout_s=20)

        assert refused.returncode == 1
        assert refused.stderr.splitlines()[0] == (
            "Linkyard does not start: The migration would orphan 2 rows of link_slug."
        )
        assert running.rows("SELECT slug FROM link_slug") == [("a",)]
        assert running.rows("SELECT id FROM installation") == []
