"""The data folder: its locks, its secret, and where it must not lie."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.data_folder import (
    DataFolder,
    DataFolderError,
    FolderInUseError,
    file_system_of,
    read_secret_keys,
)

MOUNTS = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:40 / /mnt/share rw,relatime - nfs4 host:/export rw,vers=4.2
31 22 0:41 / /mnt/share/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/with\040space rw shared:9 master:3 - cifs //host/x rw
33 22 0:43 / /home/me/remote rw - fuse.sshfs me@host:/ rw
34 22 0:44 / /twice rw - nfs host:/a rw
35 22 0:45 / /twice rw - tmpfs tmpfs rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/linkyard", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/linkyard", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/share/local/linkyard", "xfs"),
        ("/mnt/with space/linkyard", "cifs"),
        ("/home/me/remote/x", "fuse.sshfs"),
        ("/twice/x", "tmpfs"),
    ],
)
def test_the_deepest_and_latest_mount_decides(path: str, kind: str) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind


def test_without_a_table_of_mounts_the_kind_is_unknown() -> None:
    assert file_system_of(Path("/x"), "") == ""


def test_a_folder_on_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 host:/export rw\n")

    with pytest.raises(DataFolderError) as refusal:
        DataFolder.open(tmp_path / "var", mounts=mounts)

    assert str(refusal.value) == (
        f"The data folder {tmp_path / 'var'} lies on a network file system (nfs4); "
        "set LINKYARD_DATA_DIR to a folder on a local disk."
    )
    assert not (tmp_path / "var").exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")

    with pytest.raises(DataFolderError, match=r"var cannot be used: File exists\.$"):
        DataFolder.open(tmp_path / "var")


def test_the_folder_and_its_parts_become_its_owners_alone(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o755)

    folder = DataFolder.open(tmp_path / "var")

    parts = [folder.root, folder.replica, folder.spool, folder.metrics, folder.run]
    assert [part.stat().st_mode & 0o777 for part in parts] == [0o700] * 5


_LEAVE_A_CHILD = """
import os, sys
from pathlib import Path
from api.data_folder import DataFolder
DataFolder.open(Path(sys.argv[1])).lock("serve")
if os.fork():
    print(os.getpid(), flush=True)
    os._exit(0)
sys.stdin.read()
"""


def test_children_of_a_holder_that_died_are_waited_for_and_named(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _LEAVE_A_CHILD, os.fspath(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        pid = holder.stdout.readline().strip()
        holder.wait(20)
        folder = DataFolder.open(tmp_path)
        with pytest.raises(FolderInUseError) as refused:
            folder.lock("serve")
        with ThreadPoolExecutor() as threads:
            taken = threads.submit(folder.lock, "serve", orphans_wait_s=20.0)
            holder.stdin.close()
            os.close(taken.result(20))

    assert str(refused.value) == (
        f"Processes of a server that died (process {pid}) still use the data folder {tmp_path};"
        " start again when they are gone."
    )


def test_a_lock_is_held_until_its_descriptor_is_closed(tmp_path: Path) -> None:
    folder = DataFolder.open(tmp_path)
    held = folder.lock("worker")

    with pytest.raises(FolderInUseError) as refusal:
        folder.lock("worker")
    assert str(refusal.value) == (
        f"Another server (process {os.getpid()}) already uses the data folder {tmp_path}."
    )
    os.close(folder.lock("other"))
    os.close(held)

    os.close(folder.lock("worker"))


def test_the_secret_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"

    first = read_secret_keys(path)

    assert [len(key) for key in first] == [32]
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_secret_keys(path) == first
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_new_secret_goes_on_top_and_the_old_one_still_verifies(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    [old] = read_secret_keys(path)
    path.write_text("ab" * 32 + "\n" + path.read_text())

    assert read_secret_keys(path) == (b"\xab" * 32, old)


@pytest.mark.parametrize("content", ["", "\n", "abcd\n", "no hex\n", "ab" * 32 + "\nabcd\n"])
def test_a_file_without_a_whole_key_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)

    with pytest.raises(DataFolderError):
        read_secret_keys(path)

    assert path.read_text() == content
