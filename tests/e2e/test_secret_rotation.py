"""Another secret key under a real service: what was sealed and signed before goes on."""

import asyncio
import json
import re
import stat
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pyotp
import pytest

from benchmarks.service import Service, service
from models.orm import open_database, writer
from models.raw_sql import execute
from tests.portal import operation

EMAIL, PASSWORD = "ann@people.test", "three quiet herons"
LIMIT_S = 15.0


@pytest.fixture
def settings(migrated_database_url: str) -> dict[str, str]:
    return {"PROCESSES": "1", "ADMIN_EMAIL": EMAIL, "DATABASE_URL": migrated_database_url}


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Browser:
    """One person at a real service."""

    def __init__(self, running: Service) -> None:
        self.running = running
        self.cookie = ""

    def run(self, name: str, **values: object) -> dict[str, Any]:
        """Send an operation and return the result of its one field."""
        body = json.dumps({"query": operation(name), "variables": {"input": values}}).encode()
        headers = {"Content-Type": "application/json", "Linkyard-Client": "tests"}
        if self.cookie:
            headers["Cookie"] = self.cookie
        connection = HTTPConnection(*self.running.address, timeout=15)
        connection.request("POST", "/graphql", body, {"Host": self.running.host, **headers})
        answer = connection.getresponse()
        result = json.loads(answer.read())
        connection.close()
        assert "errors" not in result, result
        for cookie in answer.headers.get_all("Set-Cookie", []):
            if cookie.startswith("linkyard-local="):
                self.cookie = cookie.partition(";")[0]
        [found] = result["data"].values()
        answered: dict[str, Any] = found
        return answered

    def confirm(self, code: str) -> str:
        """Sign in by password and a code; return the name of the answer."""
        self.cookie = ""
        token = self.run("SessionCreate", email=EMAIL, password=PASSWORD)["token"]
        return str(self.run("SessionConfirm", token=token, code=code)["__typename"])


def token_of(path: Path) -> str:
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
    assert body is not None
    [token] = re.findall(r"#([\w-]+)", body.get_content())
    return str(token)


async def write(database_url: str, statement: str) -> None:
    async with open_database(database_url):
        await execute(writer(), statement)


def restart(running: Service) -> None:
    assert running.stop() == 0
    running.start()


def with_app(running: Service) -> tuple[Browser, pyotp.TOTP, list[str]]:
    """Let the administrator set a password by the way in of the first start, and make an app."""
    [way_in] = re.findall(r"#([\w-]+)", (running.data / "first-key.txt").read_text())
    browser = Browser(running)
    assert browser.run("PasswordReset", token=way_in, newPassword=PASSWORD)["isReset"] is True
    browser.run("SessionCreate", email=EMAIL, password=PASSWORD)
    app = pyotp.TOTP(browser.run("TotpCreate")["secret"])
    codes = browser.run("TotpConfirm", code=app.now())["recoveryCodes"]
    return browser, app, codes


def sign_in(browser: Browser, app: pyotp.TOTP) -> str:
    """Sign in by a code; that the same half minute had one before is forgotten."""
    asyncio.run(write(browser.running.database_url, "UPDATE totp SET last_step = 0"))
    return browser.confirm(app.now())


def test_everything_goes_on_through_a_rotation(settings: dict[str, str]) -> None:
    away = {"MAIL": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9", "SMTP_TLS": "none"}
    with service(settings | away) as running:
        key_file = running.data / "secret.key"
        old = key_file.read_text()
        browser, app, _ = with_app(running)
        assert sign_in(browser, app) == "SessionStartSuccess"
        browser.run("PasswordResetRequest", email=EMAIL)
        reset = "SELECT id FROM mail WHERE template = 'PASSWORD_RESET' AND attempts > 0"
        eventually(lambda: len(running.rows(reset)) == 1)
        heads = running.data / "audit" / "heads.jsonl"
        eventually(heads.exists)

        rotated = running.cli("secrets", "rotate")
        assert (rotated.returncode, rotated.stdout) == (
            0,
            "The file has 2 keys now. Restart the service.\n",
        )
        assert key_file.read_text().endswith(f"\n{old}")
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        early = running.cli("secrets", "reseal")
        assert (early.returncode, early.stdout) == (1, "")
        assert "restart it" in early.stderr
        restart(running)
        assert sign_in(browser, app) == "SessionStartSuccess"
        assert re.search(
            r"line 2 of .*: needed for 1 authenticator app,", running.cli("secrets", "check").stdout
        )

        resealed = running.cli("secrets", "reseal")
        assert (resealed.returncode, resealed.stderr) == (0, "")
        assert "1 authenticator app resealed.\n" in resealed.stdout
        checked = running.cli("secrets", "check")
        assert checked.returncode == 0
        assert re.search(r"line 2 of .*: needed for \d+ signed heads?\n", checked.stdout)
        assert running.cli("audit", "verify").returncode == 0
        assert sign_in(browser, app) == "SessionStartSuccess"

        assert running.stop() == 0
        key_file.write_text(key_file.read_text().removesuffix(old))
        heads.rename(heads.with_suffix(".old"))
        running.settings = settings
        due = "UPDATE mail SET next_attempt_at = created_at WHERE next_attempt_at IS NOT NULL"
        asyncio.run(write(running.database_url, due))
        running.start()
        assert sign_in(browser, app) == "SessionStartSuccess"
        [(letter,)] = running.rows(reset)
        sent = running.data / "mail" / f"{letter}.eml"
        eventually(sent.exists)
        token = token_of(sent)
        changed = browser.run("PasswordReset", token=token, newPassword="four quiet herons")
        assert changed["__typename"] == "PasswordResetSuccess"
        assert running.cli("secrets", "check").returncode == 0
        assert running.stop() == 0


def test_a_lost_key_is_said_once_and_links_and_recovery_codes_go_on(
    settings: dict[str, str],
) -> None:
    with service(settings) as running:
        browser, app, codes = with_app(running)
        running.import_links({"here": "https://example.org/"})
        assert running.stop() == 0
        (running.data / "secret.key").unlink()
        running.start()

        log = (running.folder / "serve.log").read_text().splitlines()
        said = [json.loads(line) for line in log if "opens nothing of what" in line]
        assert [line["level"] for line in said] == ["error"]
        assert said[0]["to_see_what"] == "python -m api secrets check"
        eventually(lambda: running.get("/here").status == HTTPStatus.FOUND)
        assert sign_in(browser, app) == "SecondFactorUnreadableProblem"
        assert browser.confirm(codes[0]) == "SessionStartSuccess"
        assert "Traceback" not in (running.folder / "serve.log").read_text()

        checked = running.cli("secrets", "check")
        assert checked.returncode == 1
        [(totp, user)] = running.rows("SELECT id, user_id FROM totp")
        assert f"authenticator app {totp} of user {user} is sealed by a key that is gone.\n" in (
            checked.stderr
        )
        resealed = running.cli("secrets", "reseal")
        assert (resealed.returncode, resealed.stdout.partition("\n")[0]) == (
            1,
            "0 authenticator apps resealed.",
        )
        assert running.stop() == 0
