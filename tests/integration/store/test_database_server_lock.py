"""One server for each SQLite file, whatever the file is called and however the server dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.store.errors import AlreadyServedError
from bridge.store.sqlite import database_file, exclusive_server_lock

_SERVE = """
import sys
from pathlib import Path
from bridge.store.sqlite import exclusive_server_lock

with exclusive_server_lock(Path(sys.argv[1])):
    print("serving", flush=True)
    sys.stdin.read()
"""


@contextmanager
def server(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that serves the file."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        yield process


def test_a_second_server_is_refused_and_told_who_serves(tmp_path: Path) -> None:
    """The refusal names the process that holds the file and what to do."""
    path = tmp_path / "bridge.db"
    with server(path) as other, pytest.raises(AlreadyServedError) as refusal, exclusive_server_lock(path):
        pass
    assert f"process {other.pid}." in str(refusal.value)
    assert "BRIDGE_DATA_DIR" in str(refusal.value)
    with exclusive_server_lock(path):
        pass


def test_another_name_of_the_file_is_the_same_file(tmp_path: Path) -> None:
    """A symbolic link does not get round the lock."""
    path, link = tmp_path / "bridge.db", tmp_path / "link.db"
    link.symlink_to(path)
    with server(path), pytest.raises(AlreadyServedError), exclusive_server_lock(link):
        pass


def test_a_killed_server_holds_nothing(tmp_path: Path) -> None:
    """After SIGKILL the next server starts at once, without anybody cleaning up."""
    path = tmp_path / "bridge.db"
    with server(path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait()
        with exclusive_server_lock(path):
            assert path.with_name("bridge.db.lock").read_text() == f"{os.getpid()}\n"


def test_only_the_owner_may_read_the_lock_file(tmp_path: Path) -> None:
    """Nobody else on the machine can open the lock file, and so hold the lock."""
    with exclusive_server_lock(tmp_path / "bridge.db"):
        assert (tmp_path / "bridge.db.lock").stat().st_mode & 0o777 == 0o600


def test_the_file_of_an_address() -> None:
    """Only a SQLite address names a file."""
    assert database_file("sqlite:////var/lib/bridge.db") == Path("/var/lib/bridge.db")
    assert database_file("sqlite:///data/bridge.db") == Path("data/bridge.db")
    assert database_file("postgresql://host/name") is None
