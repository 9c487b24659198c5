"""The command line: `infrafabric-bridge serve | sandbox | demo | migrate | reconcile | keys … | connections …`."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bridge import __version__, administration, app
from bridge.domain.problems import ProblemError
from bridge.infrafabric.sandbox import main as sandbox
from bridge.security.vault import VaultError
from bridge.settings import Settings, SettingsError, describe, load
from bridge.store.errors import StoreError
from bridge.telemetry.logging import configure
from bridge.telemetry.redaction import Redactor

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 = done, 1 = it could not be done, 2 = it was asked for in the wrong way."""
    options = _parser().parse_args(arguments)
    command: Command = options.run
    try:
        return command(options)
    except SettingsError as error:
        print(f"A setting is wrong.\n{error}", file=sys.stderr)
        return 2
    except ProblemError as error:
        print(_problem_text(error), file=sys.stderr)
        return 1
    except (StoreError, VaultError, app.ListenError, administration.AdministrationError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _problem_text(error: ProblemError) -> str:
    problem = error.problem
    lines = [problem.detail]
    for name, rules in (problem.errors or {}).items():
        lines += [f"  {name}: {message}" for message in rules.values()]
    return "\n".join(lines)


# ---- commands -------------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    settings, redactor = _ready(options)

    async def announce(base: app.Foundation, url: str) -> None:
        first = await administration.first_operator_key(base)
        if first is not None:
            print(f"operator key (shown once, keep it): {first}", flush=True)
        # Last of all: whoever waits for this line may read what stands before it.
        print(f"bridge listening on {url}", flush=True)

    asyncio.run(app.serve(settings, redactor, announce))
    return 0


def _sandbox(options: argparse.Namespace) -> int:
    return sandbox.run(sandbox.options_from(options))


def _demo(options: argparse.Namespace) -> int:
    from bridge.demo import main as demo

    return demo.run(options)


def _migrate(options: argparse.Namespace) -> int:
    settings, _ = _ready(options)
    app.prepare(settings)
    print("The database is at the present schema.")
    return 0


def _administer(work: Callable[[app.Foundation, argparse.Namespace], Awaitable[int]]) -> Command:
    """A command that opens the database beside a running server."""

    def run(options: argparse.Namespace) -> int:
        settings, redactor = _ready(options)

        async def inside() -> int:
            async with app.foundation(settings, redactor) as base:
                return await work(base, options)

        app.prepare(settings)
        return asyncio.run(inside())

    return run


def _ready(options: argparse.Namespace) -> tuple[Settings, Redactor]:
    flags = {
        name: getattr(options, name, None)
        for name in ("host", "port", "data_dir", "database_url", "log_format")
    }
    settings = load(**flags)
    redactor = Redactor()
    configure(settings.log_level, settings.log_format, redactor)
    return settings, redactor


# ---- the parser -----------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    width = max(len(name) for name, _, _ in describe())
    settings = "\n".join(f"  {name:<{width}}  {text} [{default}]" for name, default, text in describe())
    parser = argparse.ArgumentParser(
        prog="infrafabric-bridge",
        description="Provisioning bridge between Blesta and InfraFabric.",
        epilog=f"settings (environment or .env):\n{settings}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = _settings_flags(commands.add_parser("serve", help="run the bridge"))
    serve.add_argument("--host", help="BRIDGE_HOST")
    serve.add_argument("--port", type=int, help="BRIDGE_PORT")
    serve.add_argument("--log-format", choices=("json", "console"), help="BRIDGE_LOG_FORMAT")
    serve.set_defaults(run=_serve)
    stand_in = commands.add_parser("sandbox", help="run a stand-in InfraFabric for trying things out")
    sandbox.add_arguments(stand_in)
    stand_in.set_defaults(run=_sandbox)
    demo = commands.add_parser("demo", help="show a whole life, from order to termination, with proofs")
    demo.add_argument(
        "--stay", action="store_true", help="only start bridge and sandbox, and stay up for playing"
    )
    demo.add_argument("--speed", type=float, default=1.0, help="how much faster than real the sandbox works")
    demo.set_defaults(run=_demo)
    migrate = _settings_flags(commands.add_parser("migrate", help="bring the database to the present schema"))
    migrate.set_defaults(run=_migrate)
    _reconcile_command(commands)
    _key_commands(commands)
    _connection_commands(commands)
    return parser


def _reconcile_command(commands: Any) -> None:
    command = commands.add_parser(
        "reconcile", help="compare what InfraFabric has with what the bridge believes"
    )
    _settings_flags(command)
    command.add_argument("--connection", metavar="ID", help="only this one; otherwise one after the other")
    command.add_argument("--light", action="store_true", help="only machines that changed since the last run")
    command.add_argument(
        "--dry-run", action="store_true", help="only print what is found; change and record nothing"
    )
    command.add_argument(
        "--allow-removals", type=int, metavar="N", help="how many removals may begin, instead of max(3, 1 %%)"
    )
    command.set_defaults(run=_administer(administration.reconcile))


def _settings_flags(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--data-dir", help="BRIDGE_DATA_DIR")
    parser.add_argument("--database-url", help="BRIDGE_DATABASE_URL")
    return parser


def _key_commands(commands: Any) -> None:
    keys = commands.add_parser("keys", help="API keys").add_subparsers(required=True, metavar="command")
    create = _settings_flags(keys.add_parser("create", help="make a key and print it once"))
    create.add_argument("--scope", required=True, choices=("module", "infrafabric", "operator", "metrics"))
    create.add_argument("--connection", help="the connection the key is bound to")
    create.add_argument(
        "--cidr", action="append", default=[], help="network the key may be used from (repeatable)"
    )
    create.add_argument("--days", type=int, help="days after which the key expires")
    create.set_defaults(run=_administer(administration.create_key))
    listing = _settings_flags(keys.add_parser("list", help="show all keys, without their secrets"))
    listing.set_defaults(run=_administer(administration.list_keys))
    revoke = _settings_flags(keys.add_parser("revoke", help="end a key's life"))
    revoke.add_argument("id")
    revoke.set_defaults(run=_administer(administration.revoke_key))


def _connection_commands(commands: Any) -> None:
    parser = commands.add_parser("connections", help="connections between Blesta and InfraFabric")
    connections = parser.add_subparsers(required=True, metavar="command")
    put = _settings_flags(connections.add_parser("put", help="make or change a connection"))
    put.add_argument("id")
    put.add_argument("--json", required=True, metavar="FILE", help="settings as JSON; - for standard input")
    put.set_defaults(run=_administer(administration.put_connection))
    for name, text, work in (
        ("get", "show a connection, without its secrets", administration.get_connection),
        ("delete", "delete a connection without live services", administration.delete_connection),
    ):
        command = _settings_flags(connections.add_parser(name, help=text))
        command.add_argument("id")
        command.set_defaults(run=_administer(work))
    listing = _settings_flags(connections.add_parser("list", help="show all connections"))
    listing.set_defaults(run=_administer(administration.list_connections))
