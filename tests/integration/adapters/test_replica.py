"""The replica, with real files. A writer lives in a process of its own, as in service."""

import errno
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.adapters.lmdb_replica import LmdbReplicaReader
from api.adapters.lmdb_replica_writer import LmdbReplicaWriter, ReplicaRetiredError
from api.adapters.replica_folder import ReplicaFolder, died_of_damage
from api.adapters.replica_scan import scan
from models.rules.replica_format import Entry, EntryKind, ReplicaDamagedError

MANY = 3000


def live(number: int, *, revision: int = 1) -> Entry:
    return Entry(EntryKind.LIVE, number, revision, b"https://example.org/%d" % number)


def build(folder: ReplicaFolder, *, count: int = 3) -> str:
    return LmdbReplicaWriter(folder).build(
        domains=[(b"go.test", 7)],
        links=((7, b"s%05d" % number, live(number)) for number in range(count)),
        meta=lambda: {"mark": b"at the start"},
    )


def run_python(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own; `folder` is a ReplicaFolder there."""
    start = (
        "import sys; from pathlib import Path\n"
        "from api.adapters.lmdb_replica import LmdbReplicaReader\n"
        "from api.adapters.lmdb_replica_writer import LmdbReplicaWriter\n"
        "from api.adapters.replica_folder import ReplicaFolder\n"
        "from models.rules.replica_format import Entry, EntryKind\n"
        "folder = ReplicaFolder(Path(sys.argv[1]))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", start + code, os.fspath(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ReplicaFolder]:
    folder = ReplicaFolder(tmp_path / "replica")
    yield folder
    folder.close()


@pytest.fixture
def reader(folder: ReplicaFolder) -> Iterator[LmdbReplicaReader]:
    reader = LmdbReplicaReader(folder)
    yield reader
    reader.close()


def test_a_reader_finds_what_was_built(folder: ReplicaFolder, reader: LmdbReplicaReader) -> None:
    build(folder)

    assert reader.refresh()
    assert reader.domain_id(b"go.test") == 7
    assert reader.domain_id(b"other.test") is None
    assert reader.entry(7, b"s00001") == live(1)
    assert reader.entry(7, b"nosuch") is None
    assert reader.entry(8, b"s00001") is None
    assert reader.entry(7, b"x" * 600) is None
    assert reader.meta("mark") == b"at the start"
    assert reader.meta("nothing") is None


def test_without_a_replica_a_reader_says_so(
    folder: ReplicaFolder, reader: LmdbReplicaReader
) -> None:
    assert not reader.refresh()
    assert reader.get is None
    with pytest.raises(ReplicaDamagedError):
        reader.entry(7, b"a")


def test_a_new_generation_is_seen_in_the_next_turn(
    folder: ReplicaFolder, reader: LmdbReplicaReader
) -> None:
    first = build(folder, count=1)
    assert reader.refresh()
    version = reader.version
    second = build(folder, count=2)

    assert reader.entry(7, b"s00001") is None  # this turn still sees the moment it took
    reader.release()
    assert reader.refresh()

    assert reader.entry(7, b"s00001") == live(1)
    assert reader.version != version
    assert folder.current() == second
    assert not folder.file_of(first).exists()


def test_a_commit_of_the_writer_is_seen_in_the_next_turn(
    folder: ReplicaFolder, reader: LmdbReplicaReader
) -> None:
    build(folder)
    assert reader.refresh()
    version = reader.version
    done = run_python(
        "with LmdbReplicaWriter(folder).changing() as changes:\n"
        "    assert changes.put_link(7, b'new', Entry(EntryKind.LIVE, 99, 1, b'https://new.test/'))\n"
        "    changes.put_domain(b'second.test', 8)\n"
        "    changes.put_meta('mark', b'later')\n"
        "    assert changes.domains() == {b'go.test': 7, b'second.test': 8}\n",
        folder.path,
    )
    assert done.returncode == 0, done.stderr

    assert reader.entry(7, b"new") is None
    assert reader.domain_id(b"second.test") is None
    reader.release()
    assert reader.refresh()

    assert reader.entry(7, b"new") == Entry(EntryKind.LIVE, 99, 1, b"https://new.test/")
    assert reader.domain_id(b"second.test") == 8
    assert reader.meta("mark") == b"later"
    assert reader.version != version


def test_the_higher_revision_wins_in_any_order(folder: ReplicaFolder) -> None:
    build(folder)
    writer = LmdbReplicaWriter(folder)
    gone = Entry(EntryKind.TOMBSTONE, 1, 5)

    with writer.changing() as changes:
        assert changes.put_link(7, b"s00001", gone)
        assert not changes.put_link(7, b"s00001", live(1, revision=4))
        assert not changes.put_link(7, b"s00001", live(1, revision=5))
        assert changes.link(7, b"s00001") == gone
        assert changes.put_link(7, b"s00001", live(1, revision=6))

    with writer.changing() as changes:
        assert changes.link(7, b"s00001") == live(1, revision=6)
    writer.close()


def test_an_exception_in_a_change_leaves_everything_as_it_was(folder: ReplicaFolder) -> None:
    build(folder)
    writer = LmdbReplicaWriter(folder)

    def change_and_fail() -> None:
        with writer.changing() as changes:
            changes.put_link(7, b"new", live(5))
            changes.delete_domain(b"go.test")
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()

    with writer.changing() as changes:
        assert changes.link(7, b"new") is None
        assert changes.domains() == {b"go.test": 7}
        assert changes.meta("mark") == b"at the start"
    writer.close()


def test_a_writer_without_a_replica_asks_for_a_build(folder: ReplicaFolder) -> None:
    writer = LmdbReplicaWriter(folder)

    with pytest.raises(ReplicaRetiredError), writer.changing():
        pass


def test_a_writer_notices_that_its_replica_was_retired(folder: ReplicaFolder) -> None:
    generation = build(folder)
    writer = LmdbReplicaWriter(folder)

    with pytest.raises(ReplicaRetiredError), writer.changing():
        assert folder.retire(generation)

    assert folder.current() is None
    writer.close()


def test_retiring_a_generation_that_is_no_longer_served_changes_nothing(
    folder: ReplicaFolder,
) -> None:
    first = build(folder)
    second = build(folder)
    epoch = folder.epoch()

    assert not folder.retire(first)

    assert folder.current() == second
    assert folder.retire()
    assert folder.current() is None
    assert folder.epoch() != epoch
    assert not folder.retire()


_RUN_SHORT_OF_SPACE = """
import lmdb, resource
def limit(bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))
writer = LmdbReplicaWriter(folder)
generation, epoch = folder.current(), folder.epoch()
def change():
    with writer.changing() as changes:
        for number in range(2000):
            changes.put_link(7, b"n%05d" % number, Entry(EntryKind.LIVE, 9, 1, b"https://n.test/"))
if sys.argv[2] == "already open":
    with writer.changing() as changes:
        changes.put_meta("mark", b"later")
limit(folder.file_of(generation).stat().st_size)
for _ in range(3):
    try:
        change()
    except lmdb.Error as error:
        print(type(error).__name__)
assert (folder.current(), folder.epoch()) == (generation, epoch)
limit(resource.RLIM_INFINITY)
with writer.changing() as changes:
    assert changes.link(7, b"n00000") is None
    assert changes.link(7, b"s00001") is not None
change()
with writer.changing() as changes:
    assert changes.link(7, b"n01999") is not None
"""

_RUN_SHORT_OF_MEMORY = """
import lmdb, resource
writer = LmdbReplicaWriter(folder)
epoch = folder.epoch()
resource.setrlimit(resource.RLIMIT_AS, (1 << 34, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        with writer.changing():
            pass
    except lmdb.Error as error:
        print(type(error).__name__)
assert folder.epoch() == epoch
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with writer.changing() as changes:
    assert changes.link(7, b"s00001") is not None
"""


@pytest.mark.parametrize("is_open", ["already open", "opened then"])
def test_a_full_disk_retires_nothing_and_the_writer_goes_on_afterwards(
    folder: ReplicaFolder, is_open: str
) -> None:
    build(folder)

    done = run_python(_RUN_SHORT_OF_SPACE, folder.path, is_open)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3


def test_a_shortage_of_memory_retires_nothing_and_the_writer_goes_on_afterwards(
    folder: ReplicaFolder,
) -> None:
    build(folder)

    done = run_python(_RUN_SHORT_OF_MEMORY, folder.path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["MemoryError"] * 2


def test_a_writer_retires_what_is_damaged(folder: ReplicaFolder) -> None:
    generation = build(folder)
    folder.file_of(generation).write_bytes(b"noise" * 5000)
    writer = LmdbReplicaWriter(folder)

    with pytest.raises(ReplicaRetiredError), writer.changing():
        pass

    assert folder.current() is None


_SERVE_AND_RETIRE = """
import sys
from pathlib import Path
from api.adapters.replica_folder import ReplicaFolder
folder = ReplicaFolder(Path(sys.argv[1]))
for _ in range(100):
    folder.serve("generation")
    folder.retire()
"""


def test_two_processes_never_give_the_same_epoch_twice(folder: ReplicaFolder) -> None:
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _SERVE_AND_RETIRE,
                os.fspath(folder.path),
            ]
        )
        for _ in range(2)
    ]

    assert [process.wait(60) for process in processes] == [0, 0]
    changes = int.from_bytes(folder.epoch(), "little")
    assert 300 <= changes <= 400  # 200 serves, and retires of whatever was served


_DIE_AT_A_LINE = """
import os, signal, sys
from pathlib import Path
from api.adapters import replica_folder
folder = replica_folder.ReplicaFolder(Path(sys.argv[1]))
left = int(sys.argv[2])
def count(frame, event, _):
    global left
    if frame.f_code.co_filename != replica_folder.__file__:
        return None
    if event == "line":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return count
sys.settrace(count)
getattr(folder, sys.argv[3])(*sys.argv[4:])
"""


def die_at_line(line: int, folder: Path, *call: str) -> bool:
    """Call a method of the folder in a process that is killed there. Returns if it came so far."""
    done = subprocess.run(
        [sys.executable, "-c", _DIE_AT_A_LINE, os.fspath(folder), str(line), *call],
        check=False,
        timeout=60,
    )
    assert done.returncode in {0, -9}
    return done.returncode == -9


@pytest.mark.parametrize("call", [("serve", "new"), ("retire",)], ids=lambda call: call[0])
@pytest.mark.parametrize("is_recovered", [True, False], ids=["by a worker", "by the clock"])
def test_whoever_is_killed_while_another_replica_takes_over_every_reader_follows(
    tmp_path: Path, call: tuple[str, ...], *, is_recovered: bool
) -> None:
    """Killed at each line in turn: then readers see what the next writer writes."""
    seen: list[str | None] = []
    line = 0
    is_killed = True
    while is_killed:
        line += 1
        folder = ReplicaFolder(tmp_path / f"line-{line}")
        reader = LmdbReplicaReader(folder)
        folder.file_of("new").write_bytes(_file_of_a_replica(tmp_path / f"new-{line}", count=2))
        serve_beside(folder, "old")
        assert reader.refresh()
        reader.release()

        is_killed = die_at_line(line, folder.path, *call)
        if is_recovered:
            folder.recover()
            kept = {file.name for file in folder.path.glob("*.mdb")}
            assert kept == ({f"{folder.current()}.mdb"} if folder.current() else set())
        else:
            reader.check_size()  # as every process does each second

        seen.append(folder.current())
        assert reader.refresh() is (seen[-1] is not None)
        if seen[-1] is not None:
            assert reader.entry(7, b"s00001") == (live(1) if seen[-1] == "new" else None)
        reader.close()
        folder.close()
    assert set(seen) == {"old", "new" if call[0] == "serve" else None}
    assert seen[0] == "old"
    assert seen[-1] != "old"


def test_a_failure_while_another_replica_takes_over_is_followed_at_once(
    folder: ReplicaFolder, reader: LmdbReplicaReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(folder, count=1)
    assert reader.refresh()
    reader.release()
    folder.file_of("new").write_bytes(_file_of_a_replica(folder.path.parent / "new", count=2))

    def refuse(_: int) -> None:
        if folder.current() == "new":
            raise OSError(errno.EIO, "no disk")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="no disk"):
        folder.serve("new")

    assert folder.current() == "new"
    assert reader.refresh()
    assert reader.entry(7, b"s00001") == live(1)


def serve_beside(folder: ReplicaFolder, generation: str) -> None:
    """Serve a replica of one link under a chosen name and leave the other files."""
    other = folder.path.parent / f"{folder.path.name}-{generation}"
    folder.file_of(generation).write_bytes(_file_of_a_replica(other, count=1))
    (folder.path / "current").write_text(generation)


def _file_of_a_replica(path: Path, *, count: int) -> bytes:
    folder = ReplicaFolder(path)
    content = folder.file_of(build(folder, count=count)).read_bytes()
    folder.close()
    return content


def test_a_wrong_value_is_noticed_and_the_replica_retired_for_everyone(
    folder: ReplicaFolder, reader: LmdbReplicaReader
) -> None:
    generation = build(folder)
    file = folder.file_of(generation)
    content = file.read_bytes()
    assert content.count(b"https://example.org/1") == 1
    file.write_bytes(content.replace(b"https://example.org/1", b"https://example.evil/1"[:21]))
    other = LmdbReplicaReader(folder)
    assert reader.refresh()

    with pytest.raises(ReplicaDamagedError):
        reader.entry(7, b"s00001")
    reader.retire("checksum")

    assert not reader.refresh()
    assert not other.refresh()
    assert folder.current() is None
    assert reader.retired_because == "checksum"
    build(folder)
    assert other.refresh()
    assert other.entry(7, b"s00001") == live(1)
    other.close()


@pytest.mark.parametrize("content", [b"", b"noise" * 5000, b"\0" * 65536])
def test_a_file_that_is_no_replica_is_retired_when_it_is_opened(
    folder: ReplicaFolder, reader: LmdbReplicaReader, content: bytes
) -> None:
    generation = build(folder)
    folder.file_of(generation).write_bytes(content)

    assert not reader.refresh()

    assert folder.current() is None
    assert reader.retired_because != ""


def test_a_missing_file_is_retired(folder: ReplicaFolder, reader: LmdbReplicaReader) -> None:
    generation = build(folder)
    folder.file_of(generation).unlink()

    assert not reader.refresh()
    assert folder.current() is None


def test_a_file_that_became_shorter_is_retired_before_it_is_read(
    folder: ReplicaFolder, reader: LmdbReplicaReader
) -> None:
    generation = build(folder, count=MANY)
    assert reader.refresh()
    os.truncate(folder.file_of(generation), 8192)

    reader.check_size()

    assert reader.get is None
    assert not reader.refresh()
    assert folder.current() is None


_READ_ALL = """
reader = LmdbReplicaReader(folder)
wrong = found = refused = 0
from models.rules.replica_format import ReplicaDamagedError
for number in range(3000):
    if not reader.refresh():
        break
    slug = b"s%05d" % number
    try:
        entry = reader.entry(7, slug)
    except ReplicaDamagedError as error:
        reader.retire(str(error))
        refused += 1
        break
    found += 1
    wrong += entry is None or entry.target != b"https://example.org/%d" % number
print(wrong, found, refused)
"""


def test_a_file_cut_short_under_a_reader_is_told_by_how_it_dies(folder: ReplicaFolder) -> None:
    generation = build(folder, count=MANY)
    os.truncate(folder.file_of(generation), 40960)

    done = run_python(_READ_ALL, folder.path)

    assert died_of_damage(done.returncode) or done.stdout.split()[0] == "0"
    assert died_of_damage(-7)
    assert not died_of_damage(0)
    assert not died_of_damage(-9)


def test_noise_anywhere_never_gives_a_wrong_answer(folder: ReplicaFolder) -> None:
    chance = random.Random(20261122)  # noqa: S311 - repeatable, not secret
    noticed = 0
    for _ in range(12):
        generation = build(folder, count=MANY)
        file = folder.file_of(generation)
        with file.open("r+b") as written:
            for _ in range(chance.choice((1, 3, 20))):
                written.seek(chance.randrange(8192, file.stat().st_size))
                written.write(chance.randbytes(chance.choice((1, 16, 300, 4096))))

        done = run_python(_READ_ALL, folder.path)

        if died_of_damage(done.returncode):
            noticed += 1
            continue
        assert done.returncode == 0, done.stderr
        wrong, found, refused = map(int, done.stdout.split())
        assert wrong == 0
        assert found == MANY or refused == 1
        noticed += refused
    assert noticed > 0


def test_a_scan_reads_every_entry(folder: ReplicaFolder) -> None:
    generation = build(folder, count=25_000)

    assert scan(folder.file_of(generation)) == 25_000 + 2  # a domain and the mark


@pytest.mark.parametrize("place", [b"https://example.org/1", b"go.test", b"at the start"])
def test_a_scan_finds_a_single_wrong_byte(folder: ReplicaFolder, place: bytes) -> None:
    generation = build(folder)
    file = folder.file_of(generation)
    content = file.read_bytes()
    file.write_bytes(content.replace(place, place[:-1] + b"\xff"))

    with pytest.raises(ReplicaDamagedError):
        scan(file)


@pytest.mark.parametrize("content", [b"", b"noise" * 5000])
def test_a_scan_refuses_what_is_no_replica(folder: ReplicaFolder, content: bytes) -> None:
    file = folder.file_of("a")
    file.write_bytes(content)

    with pytest.raises(ReplicaDamagedError):
        scan(file)


def test_a_scan_of_a_file_that_is_gone_proves_nothing(folder: ReplicaFolder) -> None:
    with pytest.raises(OSError, match="No such file"):
        scan(folder.file_of("a"))
