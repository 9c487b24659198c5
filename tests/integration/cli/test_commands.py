"""The command line as an operator meets it: separate processes, their output, their exit status."""

import io
import json
import logging
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge import __version__
from bridge.cli import main
from bridge.demo.stack import Process, call

KEY = "canary-provider-key-77"
WEBHOOK = "whsec_" + "QUJD" * 8
SETTINGS: dict[str, Any] = {
    "infrafabric_api_url": "https://api.example.com/v1",
    "infrafabric_api_key": KEY,
    "default_datacenter": "fra1",
    "webhook_secrets": [WEBHOOK],
}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did."""

    status: int
    out: str
    err: str


class Cli:
    """`python -m bridge` in a folder of its own, with nothing but the default settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    def environment(self, **settings: str) -> dict[str, str]:
        """The surroundings without any BRIDGE_ variable but these."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
        root = Path(__file__).resolve().parents[3]
        return kept | {"PYTHONPATH": str(root)} | {f"BRIDGE_{k}": v for k, v in settings.items()}

    def __call__(self, *arguments: str, stdin: str | None = None, **settings: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "bridge", *arguments],
            cwd=self.folder,
            env=self.environment(**settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str, stdin: str | None = None, **settings: str) -> Done:
        """The same in this process, for tables of refusals: a new one takes more than a second to begin."""
        out, err, root = io.StringIO(), io.StringIO(), logging.getLogger()
        handlers, level, config = root.handlers[:], root.level, structlog.get_config()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.folder)
            for name in list(os.environ):
                if name.startswith("BRIDGE_"):
                    patch.delenv(name)
            for name, value in settings.items():
                patch.setenv(f"BRIDGE_{name}", value)
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((stdin or "").encode())))
            try:
                status = main(arguments)
            except SystemExit as end:
                status = int(end.code or 0)
            finally:
                root.handlers[:] = handlers
                root.setLevel(level)
                structlog.configure(**config)
        return Done(status, out.getvalue(), err.getvalue())

    def put(self, connection_id: str, settings: Mapping[str, Any]) -> Done:
        """`connections put` from standard input."""
        return self.here("connections", "put", connection_id, "--json", "-", stdin=json.dumps(settings))

    @contextmanager
    def serving(self, *arguments: str, **settings: str) -> Iterator[tuple[str, Process]]:
        """A running `serve`; its URL."""
        process = _Here(self, ["serve", "--port", "0", *arguments], self.environment(**settings))
        try:
            yield process.start("bridge listening on "), process
        finally:
            process.kill()


class _Here(Process):
    """A process whose working folder is the command's."""

    def __init__(self, cli: Cli, arguments: list[str], environment: Mapping[str, str]) -> None:
        super().__init__("serve", ["-m", "bridge", *arguments], cli.folder, environment)
        self._cli = cli

    def start(self, expected: str) -> str:
        """See `Process`; from the command's folder."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._arguments],
                stdout=output,
                stderr=output,
                cwd=self._cli.folder,
                env=self._environment,
            )
        return self._line(expected, begin)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line in an empty folder."""
    return Cli(tmp_path)


# ---- the first start ------------------------------------------------------------------------------------------------


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_first_start_makes_everything_and_prints_the_operator_key_once(cli: Cli) -> None:
    """No configuration at all: data folder, key file (0600), database, a key that works, and no second one later."""
    printed = "operator key (shown once, keep it): "
    with cli.serving() as (url, process):
        (key,) = re.findall(rf"^{re.escape(printed)}(brk_\S+)$", process.log.read_text(), re.MULTILINE)
        assert (_mode(cli.data), _mode(cli.data / "master.keys")) == (0o700, 0o600)
        assert {"master.keys", "bridge.db"} <= {path.name for path in cli.data.iterdir()}
        assert call("GET", f"{url}/v1/services", headers={"Authorization": f"Bearer {key}"}).status == 200
        assert process.stop() == 0
    content = (cli.data / "master.keys").read_bytes()
    with cli.serving() as (url, process):
        assert process.log.read_text().count(printed) == 1
        assert call("GET", f"{url}/v1/services", headers={"Authorization": f"Bearer {key}"}).status == 200
    assert (cli.data / "master.keys").read_bytes() == content
    assert key.rpartition("_")[2].encode() not in (cli.data / "bridge.db").read_bytes()


def test_nobody_else_can_read_the_database(cli: Cli) -> None:
    """Whatever the umask, the folder keeps others out, and the files inside are the owner's."""
    before = os.umask(0)
    try:
        assert cli("migrate").status == 0
    finally:
        os.umask(before)
    assert _mode(cli.data) == 0o700


def test_flags_choose_folder_and_database(cli: Cli) -> None:
    """`--data-dir` and `--database-url` win over the environment."""
    assert cli("migrate", "--data-dir", "here", DATA_DIR="there").status == 0
    assert (cli.folder / "here" / "bridge.db").exists()
    assert not (cli.folder / "there").exists()
    assert cli("migrate", "--database-url", "sqlite:///other.db").status == 0
    assert (cli.folder / "other.db").exists()


# ---- keys -----------------------------------------------------------------------------------------------------------


def test_keys_are_made_listed_and_revoked(cli: Cli) -> None:
    """The secret goes to standard output alone, is shown once, and a list never has it."""
    cli.put("c1", SETTINGS)
    made = cli("keys", "create", "--scope", "module", "--connection", "c1", "--days", "30")
    assert made.status == 0
    assert re.fullmatch(r"brk_[a-z0-9]+_[A-Za-z0-9-]{43}\n", made.out)
    _, key_id, secret = made.out.strip().split("_")
    assert key_id in made.err
    assert secret not in made.err
    listed = cli("keys", "list")
    assert re.search(rf"^{key_id}\s+module\s+c1\s+\d{{4}}-\d\d-\d\d\s+valid$", listed.out, re.MULTILINE)
    assert secret not in listed.out + listed.err
    assert cli("keys", "revoke", key_id).status == 0
    assert re.search(rf"^{key_id}.*revoked$", cli("keys", "list").out, re.MULTILINE)
    with closing(sqlite3.connect(cli.data / "bridge.db")) as database:
        events = [row[0] for row in database.execute("SELECT event FROM audit ORDER BY rowid")]
    assert events[-2:] == ["key.created", "key.revoked"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["create", "--scope", "module"], 1, "--connection"),
        (["create", "--scope", "infrafabric"], 1, "--connection"),
        (["create", "--scope", "module", "--connection", "c9"], 1, "connections put"),
        (["create", "--scope", "operator", "--cidr", "10.0.0.0/33"], 1, "10.0.0.0/33"),
        (["create", "--scope", "operator", "--days", "0"], 1, "--days"),
        (["create", "--scope", "operator", "--days", "-3"], 1, "--days"),
        (["create", "--scope", "operator", "--days", "99999999"], 1, "--days"),
        (["create", "--scope", "root"], 2, "root"),
        (["create"], 2, "--scope"),
        (["revoke", "nobody"], 1, "keys list"),
        (["revoke"], 2, "id"),
        ([], 2, "command"),
    ],
)
def test_what_cannot_be_done_with_keys_is_explained(
    cli: Cli, arguments: list[str], status: int, said: str
) -> None:
    """1 = it could not be done, 2 = it was asked for in the wrong way; nothing is made."""
    done = cli.here("keys", *arguments)
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert cli.here("keys", "list").out == ""


# ---- connections ----------------------------------------------------------------------------------------------------


def test_connections_are_put_shown_listed_and_deleted(cli: Cli) -> None:
    """Secrets are never printed; a member left out or `***` keeps its value; a deleted one is gone."""
    put = cli.put("c1", SETTINGS)
    assert put.status == 0
    shown = json.loads(put.out)
    assert shown["infrafabric_api_key"] == "***"
    assert shown["webhook_secrets"] == ["***"]
    assert (shown["provisioning_timeout"], shown["rate_limit_per_minute"]) == (300, 600)
    changed = json.loads(cli.put("c1", {"infrafabric_api_key": "***", "action_timeout": 60}).out)
    assert changed["action_timeout"] == 60
    assert changed["infrafabric_api_key_fingerprint"] == shown["infrafabric_api_key_fingerprint"]
    other = json.loads(cli.put("c1", {"infrafabric_api_key": "another-key"}).out)
    assert other["infrafabric_api_key_fingerprint"] != shown["infrafabric_api_key_fingerprint"]
    got = cli("connections", "get", "c1")
    assert json.loads(got.out) == other
    listed = cli("connections", "list")
    assert listed.out == "c1  https://api.example.com/v1\n"
    assert cli("connections", "delete", "c1").status == 0
    assert cli("connections", "list").out == ""
    everything = "".join(done.out + done.err for done in (put, got, listed))
    assert KEY not in everything
    assert WEBHOOK not in everything
    assert KEY.encode() not in (cli.data / "bridge.db").read_bytes()


def test_settings_may_come_from_a_file(cli: Cli) -> None:
    """`--json FILE`, relative to where the command runs."""
    (cli.folder / "c1.json").write_text(json.dumps(SETTINGS))
    assert cli("connections", "put", "c1", "--json", "c1.json").status == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"infrafabric_api_url": "http://api.example.com"}, "BRIDGE_ALLOW_PLAIN_HTTP"),
        ({"infrafabric_api_url": "https://10.0.0.1"}, "BRIDGE_UPSTREAM_ALLOW"),
        ({"infrafabric_api_url": "https://127.1"}, "infrafabric_api_url"),
        ({"infrafabric_api_key": None}, "infrafabric_api_key"),
        ({"infrafabric_api_key": f"{KEY} with space"}, "infrafabric_api_key"),
        ({"webhook_secrets": [KEY]}, "webhook_secrets"),
        ({"webhook_secrets": ["whsec_QUJD"]}, "24 to 64"),
        ({"provisioning_timeout": 5}, "provisioning_timeout"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_of_a_connection_are_explained(cli: Cli, change: dict[str, Any], said: str) -> None:
    """The member, what is wrong and what to do; never the secret itself; nothing is stored."""
    text = json.dumps(SETTINGS | change)
    done = cli.here("connections", "put", "c1", "--json", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert KEY not in done.err
    assert cli.here("connections", "list").out == ""


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["get", "c9"], None, "connections list"),
        (["delete", "c9"], None, "no such connection"),
        (["put", "../c1", "--json", "-"], json.dumps(SETTINGS), "id"),
        (["put", "c1\n", "--json", "-"], json.dumps(SETTINGS), "id"),
        (["put", "c1", "--json", "nowhere.json"], None, "nowhere.json"),
        (["put", "c1", "--json", "-"], "not json", "JSON"),
        (["put", "c1", "--json", "-"], "[]", "object"),
        (["put", "c1", "--json", "-"], "", "JSON"),
    ],
)
def test_what_cannot_be_done_with_connections_is_explained(
    cli: Cli, arguments: list[str], stdin: str | None, said: str
) -> None:
    """Status 1 and a sentence."""
    done = cli.here("connections", *arguments, stdin=stdin)
    assert done.status == 1
    assert said in done.err
    assert cli.here("connections", "list").out == ""


# ---- the rest -------------------------------------------------------------------------------------------------------


def test_migrate_can_be_run_again(cli: Cli) -> None:
    """The second time there is nothing to do, and what was stored is still there."""
    assert cli("migrate").status == 0
    cli.put("c1", SETTINGS)
    again = cli("migrate")
    assert (again.status, again.out) == (0, "The database is at the present schema.\n")
    assert "c1" in cli("connections", "list").out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PORT": "http"}, ["BRIDGE_PORT is 'http'", "integer"]),
        ({"PROT": "1"}, ["BRIDGE_PROT", "BRIDGE_PORT"]),
        ({"HOST": "0.0.0.0"}, ["BRIDGE_ALLOW_PLAIN_HTTP"]),
        ({"LOG_LEVEL": "loud"}, ["BRIDGE_LOG_LEVEL is 'loud'", "debug"]),
    ],
)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_wrong_setting_stops_every_command(
    cli: Cli, command: str, settings: dict[str, str], said: list[str]
) -> None:
    """Status 2 with name, value and what is allowed; nothing is made on disk."""
    done = cli.here(command, **settings)
    assert (done.status, done.out) == (2, "")
    for text in said:
        assert text in done.err
    assert not cli.data.exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MASTER_KEYS": "k1:c2hvcnQ="}, "Master key 1"),
        ({"DATABASE_URL": "mysql://host/name"}, "BRIDGE_DATABASE_URL"),
        ({"DATABASE_URL": "nonsense"}, "BRIDGE_DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://u:canary-db-password@127.0.0.1:1/x"}, "database"),
        ({"DATA_DIR": "file/below"}, "file/below"),
    ],
)
def test_what_cannot_be_opened_is_explained(cli: Cli, settings: dict[str, str], said: str) -> None:
    """A key, database or folder that cannot be used: status not 0, a sentence, and no password in it."""
    (cli.folder / "file").write_text("not a folder")
    done = cli.here("keys", "list", **settings)
    assert done.status in (1, 2)
    assert said in done.err
    assert "c2hvcnQ=" not in done.err
    assert "canary-db-password" not in done.err


def test_other_master_keys_open_nothing(cli: Cli) -> None:
    """A database with another key file beside it is not served with secrets it cannot open."""
    cli.put("c1", SETTINGS)
    (cli.data / "master.keys").unlink()
    done = cli("connections", "get", "c1")
    assert done.status == 1
    assert "BRIDGE_MASTER_KEYS" in done.err


def test_help_tells_commands_and_settings(cli: Cli) -> None:
    """Without any setting and without making anything."""
    done = cli("--help")
    assert done.status == 0
    for word in (
        "serve",
        "sandbox",
        "demo",
        "migrate",
        "keys",
        "connections",
        "BRIDGE_PORT",
        "BRIDGE_MASTER_KEYS",
    ):
        assert word in done.out
    assert cli.here("--version").out.strip() == __version__
    assert cli.here().status == 2
    assert cli.here("dance").status == 2
    assert not cli.data.exists()
