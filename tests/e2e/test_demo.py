"""`make demo` on input of a few lines, with every figure known beforehand."""

import gzip
import subprocess
import sys
from pathlib import Path

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ADDRESSES = (
    b"\xef\xbb\xbfhttps://example.org/first\n"
    b"https://example.org/\xff\n"  # no UTF-8
    b"\n"
    b"https://example.org/second\n"
    b"ftp://example.org/\n"
    b"https://example.org/third"
)
LOG = "\n".join(
    f'192.0.2.{number} - - [{day:02}/Mar/2025:12:00:00 +0000] "{request} HTTP/1.1" 200 5 {rest}'
    for number, (day, request, rest) in enumerate(
        (
            (1, "GET /a?x=1", f'"https://vk.com/feed" "{BROWSER}"'),
            (1, "GET /b", f'"-" "{BROWSER}"'),
            (1, "GET /a", f'"-" "{GOOGLEBOT}"'),
            (2, "HEAD /c", f'"-" "{BROWSER}"'),
            (2, "GET /robots.txt", f'"-" "{GOOGLEBOT}"'),
            (2, "POST /b", f'"-" "{BROWSER}"'),
            (2, "OPTIONS *", f'"-" "{BROWSER}"'),
            (2, "GET /d", f'"-" "{BROWSER}"'),  # a fourth path, but there are three links
        ),
        1,
    )
)


def run_demo(folder: Path, *, log: str = LOG) -> subprocess.CompletedProcess[str]:
    (folder / "urls.gz").write_bytes(gzip.compress(ADDRESSES))
    (folder / "access.log").write_text(f"{log}\nnot a log line\n", encoding="utf-8")
    return subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.demo"),
            *("--urls", folder / "urls.gz", "--log", folder / "access.log"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_click_of_a_small_demo_is_counted_once(tmp_path: Path) -> None:
    done = run_demo(tmp_path)

    assert done.returncode == 0, done.stderr
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for line in (
        "1 url: Links lead to https:// and http:// addresses only, not to ftp:.",
        "line 5: ftp://example.org/",
        "1 The line is not UTF-8 text.",
        "1 blank lines, passed over",
        "2 neither GET nor HEAD",
        "1 one of our own paths",
        "1 not a line of the combined log format",
        "1 no link is meant by this path",
        "4 were led to the right target",
        "answered 4 right redirects in the client's own notes",
        "spooled 4 live records on the disk",
        "stored 4 live rows, 4 request ids",
        "8 rows with the 4 imported ones",
        "alike in link, class, referrer, program and network",
        "counted 8 in the statistics: 4 human, 2 preview, 2 bot",
        "8 on the links",
        "audit No difference.",
        "PROVED answered is contained in spooled = stored = counted, none twice",
    ):
        assert said.count(line) == 1, (line, done.stdout)
    assert [line for line in said if line.startswith("3 links imported, 2 lines refused.")]
    days = [line.split()[:3] for line in said if line.startswith("2025-03-0")]
    assert days == [["2025-03-01", "2", "1"], ["2025-03-02", "0", "1"]]


def test_a_log_without_clicks_ends_the_demo_with_one_line(tmp_path: Path) -> None:
    done = run_demo(tmp_path, log="")

    assert done.returncode == 1
    assert done.stderr == f"No line of {tmp_path / 'access.log'} is a click.\n"
