"""README.md says what is true: its table, its commands, its addresses of files."""

import re
import subprocess
from pathlib import Path

from api.settings import Settings

README = Path("README.md").read_text(encoding="utf-8")
TABLE = re.compile(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", re.DOTALL)
COMMANDS = re.compile(r"^    (make|\.venv/bin/python -m api) ([^#\n]*)", re.MULTILINE)
LINKS = re.compile(r"\]\(([^)#:]+)\)")


def test_the_configuration_table_is_the_one_of_the_settings_class() -> None:
    found = TABLE.search(README)

    assert found is not None
    assert found[1] == Settings.table()


def test_every_make_command_has_its_target() -> None:
    targets = {rest.split()[0] for program, rest in COMMANDS.findall(README) if program == "make"}

    assert targets >= {"serve", "test", "demo", "bench", "faults", "check", "sdl"}
    for target in sorted(targets):
        done = subprocess.run(
            ["make", "--dry-run", target], capture_output=True, text=True, check=False
        )
        assert (target, done.returncode, done.stderr) == (target, 0, "")


def test_every_file_that_it_names_is_there() -> None:
    named = LINKS.findall(README)

    assert named
    assert [name for name in named if not Path(name).exists()] == []
