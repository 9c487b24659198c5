"""The composition root: the one place where settings become a running bridge."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from aiohttp import web

from bridge.api.context import Api, Health, Limits
from bridge.api.routes import application
from bridge.api.server import Runner
from bridge.connections import ConnectionBook
from bridge.domain.ports import Clock, Ids, Rng
from bridge.engine.advance import advance
from bridge.engine.commands import Commands
from bridge.engine.context import Engine, Policy
from bridge.engine.dispatch import LocalDispatcher
from bridge.engine.graces import terminate_due
from bridge.engine.housekeeping import Housekeeper, Retention
from bridge.engine.notifier import Notifier
from bridge.engine.periodic import Periodic
from bridge.engine.reconcile.run import Reconcile
from bridge.engine.reconcile.schedule import Scheduler, Timetable
from bridge.infrafabric.addresses import OutboundPolicy
from bridge.infrafabric.pool import ProviderPool
from bridge.infrafabric.settings import ClientSettings, GateSettings
from bridge.infrafabric.transport import AiohttpTransport
from bridge.security import keys as api_keys
from bridge.security import network, vault
from bridge.settings import Settings, SettingsError
from bridge.store import engines, findings, meta, migrate, operations, services
from bridge.store.database import Database, open_database
from bridge.store.sqlite import database_file, exclusive_server_lock
from bridge.system import SystemClock, SystemIds, SystemRng
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.redaction import Redactor

log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """What commands and server share: ports, vault, connections, database."""

    settings: Settings
    clock: Clock
    ids: Ids
    rng: Rng
    redactor: Redactor
    vault: vault.Vault
    book: ConnectionBook
    database: Database


def prepare(settings: Settings) -> None:
    """Make the data folder and bring the database to the present schema.

    Raises:
        SettingsError: the folder cannot be made, or the database's address is none.
        StoreError: the database cannot be opened.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"BRIDGE_DATA_DIR is {str(settings.data_dir)!r}, where no folder can be made: {error.strerror}. "
            "Choose a folder that the bridge may write to."
        ) from error
    try:
        engines.parse(settings.store_url)
    except ValueError as error:
        raise SettingsError(f"BRIDGE_DATABASE_URL cannot be used. {error}") from error
    migrate.upgrade(settings.store_url)


@asynccontextmanager
async def foundation(settings: Settings, redactor: Redactor) -> AsyncIterator[Foundation]:
    """Open vault and database; close them at the end."""
    clock, ids, rng = SystemClock(), SystemIds(), SystemRng()
    opened = vault.Vault(_master_keys(settings, ids, rng), rng)
    database = open_database(settings.store_url)
    try:
        yield Foundation(
            settings, clock, ids, rng, redactor, opened, ConnectionBook(opened, redactor), database
        )
    finally:
        await database.close()


def _master_keys(settings: Settings, ids: Ids, rng: Rng) -> dict[str, bytes]:
    if settings.master_keys:
        return vault.parse_keys([key.get_secret_value() for key in settings.master_keys])
    return vault.load_or_create(settings.data_dir / "master.keys", ids, rng)


def outbound_policy(settings: Settings) -> OutboundPolicy:
    """Where InfraFabric may be: loopback only while the bridge itself is reachable from loopback only."""
    return OutboundPolicy(
        allow_loopback=settings.listens_on_loopback,
        allow_plain_http=settings.allow_plain_http,
        allow=tuple(entry.lower() for entry in settings.upstream_allow),
    )


def policy(settings: Settings) -> Policy:
    """The engine's numbers."""

    def span(seconds: float) -> timedelta:
        return timedelta(seconds=seconds)

    return Policy(
        queue_limit=settings.queue_limit,
        poll_first=span(settings.poll_first),
        poll_max=span(settings.poll_max),
        backoff_base=span(settings.backoff_base),
        backoff_cap=span(settings.backoff_cap),
        resend_window=span(settings.resend_window),
        persistent_for=span(settings.persistent_for),
        action_overtime=settings.action_overtime,
        create_tries=settings.create_tries,
        released_for=span(settings.released_for),
        catalog_ttl=span(settings.catalog_ttl),
        terminate_alert=span(settings.terminate_alert),
    )


def _client_settings(settings: Settings) -> ClientSettings:
    return ClientSettings(
        attempts=settings.client_attempts,
        backoff_base=settings.client_backoff_base,
        backoff_cap=settings.client_backoff_cap,
        throttle_base=settings.client_throttle_base,
        retry_window=settings.client_retry_window,
    )


def _gate_settings(settings: Settings) -> GateSettings:
    return GateSettings(
        budget=settings.client_budget,
        retry_cost=settings.client_retry_cost,
        throttle_cost=settings.client_throttle_cost,
        breaker_failures=settings.breaker_failures,
        breaker_first=settings.breaker_first,
        breaker_max=settings.breaker_max,
        queue_limit=settings.client_queue_limit,
        queue_wait=settings.client_queue_wait,
    )


def _transport(settings: Settings) -> AiohttpTransport:
    return AiohttpTransport(
        outbound_policy(settings),
        connect_timeout=settings.client_connect_timeout,
        request_timeout=settings.client_request_timeout,
        answer_limit=settings.client_answer_limit,
    )


def _pool(base: Foundation, transport: AiohttpTransport, metrics: Metrics) -> ProviderPool:
    return ProviderPool(
        transport,
        base.clock,
        base.rng,
        client=_client_settings(base.settings),
        gate=_gate_settings(base.settings),
        observer=metrics.provider_called,
    )


def _engine(base: Foundation, pool: ProviderPool, metrics: Metrics, installation: str) -> Engine:
    return Engine(
        database=base.database,
        clock=base.clock,
        ids=base.ids,
        rng=base.rng,
        vault=base.vault,
        connections=base.book,
        providers=pool,
        notifier=Notifier(),
        gauges=metrics,
        policy=policy(base.settings),
        installation=installation,
        protect=base.redactor.protect,
    )


@asynccontextmanager
async def engine_beside(base: Foundation) -> AsyncIterator[Engine]:
    """An engine for a command, beside a running server or without one; what it accepts, the server's sweep finds."""
    installation = await base.database.run(meta.installation, base.ids.new("inst"))
    transport, metrics = _transport(base.settings), Metrics()
    try:
        yield _engine(base, _pool(base, transport, metrics), metrics, installation)
    finally:
        await transport.close()


class Bridge:
    """A running bridge: engine, dispatcher, HTTP server. `start`, then `stop` once."""

    def __init__(self, base: Foundation, transport: AiohttpTransport, installation: str) -> None:
        settings = base.settings
        self._settings = settings
        self._transport = transport
        self.metrics = Metrics()
        self._pool = _pool(base, transport, self.metrics)
        self.engine = _engine(base, self._pool, self.metrics, installation)
        self._dispatcher = LocalDispatcher(self.engine, advance, concurrency=settings.concurrency)
        self._commands = Commands(self.engine, self._dispatcher)
        self._rounds = self._come_round()
        self.health = Health()
        self._runner = Runner(
            application(self._api(base)),
            handle_signals=False,
            shutdown_timeout=settings.shutdown_timeout,
            access_log=None,
            max_line_size=8190,
            max_field_size=8190,
        )

    def _come_round(self) -> tuple[Periodic, ...]:
        engine, settings = self.engine, self._settings
        schedule = Scheduler(engine, Reconcile(engine, self._dispatcher.wake), _timetable(settings))
        keeper = Housekeeper(engine, _retention(settings))
        moment, minute, hour = timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)
        return (
            Periodic(engine.clock, "housekeeping", hour, keeper.once, at_once=True),
            Periodic(engine.clock, "reconcile", minute, schedule.once),
            Periodic(engine.clock, "grace", moment, partial(terminate_due, engine, self._commands)),
        )

    def _api(self, base: Foundation) -> Api:
        settings = self._settings
        trusted = network.networks(settings.trusted_proxies)

        def client_ip(request: web.BaseRequest) -> str | None:
            return network.client_ip(request.remote, request.headers.getall("X-Forwarded-For", []), trusted)

        return Api(
            engine=self.engine,
            commands=self._commands,
            gauges=self.metrics,
            limits=Limits(settings.body_limit, settings.max_wait, settings.callback_tolerance),
            health=self.health,
            refresh_gauges=self._refresh_gauges,
            check_url=outbound_policy(settings).check_url,
            key_matches=api_keys.matches,
            parse_key=api_keys.parse,
            client_ip=client_ip,
            connection_book=base.book,
        )

    async def start(self) -> str:
        """Take up unfinished operations, then listen; returns the address that was bound.

        Raises:
            ListenError: the address is not this machine's, or somebody else listens there.
        """
        await self._dispatcher.start()
        for periodic in self._rounds:
            periodic.start()
        await self._runner.setup()
        listen, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(self._runner, listen, port, backlog=1024).start()
        except OSError as error:
            raise ListenError(
                f"The bridge cannot listen on {listen} port {port}: {error.strerror or error}. Stop what listens "
                "there, or choose another BRIDGE_HOST or BRIDGE_PORT."
            ) from error
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """In the order of requirement D4: not ready, wait, stop accepting, finish, wake the long polls, close."""
        self.health.draining = True
        await self.engine.clock.sleep(self._settings.drain_delay)
        for site in list(self._runner.sites):
            await site.stop()
        for periodic in self._rounds:
            await periodic.stop()
        await self._dispatcher.stop(self._settings.shutdown_timeout)
        self.engine.notifier.close()
        await self._requests_finish()
        await self._runner.cleanup()
        await self._transport.close()

    async def _requests_finish(self) -> None:
        """Let requests under way end; the server's own clean-up would drop the rest of a body that still arrives."""
        clock = self.engine.clock
        give_up = clock.monotonic() + self._settings.shutdown_timeout
        while self.health.requests and clock.monotonic() < give_up:
            await clock.sleep(0.02)

    async def _refresh_gauges(self) -> None:
        """What is only known by asking the database, asked when somebody looks."""
        now = self.engine.now()
        states, oldest = await self.engine.database.read(operations.unfinished_summary)
        for state in ("queued", "running", "awaiting"):
            self.metrics.unfinished.labels(state).set(states.get(state, 0))
        self.metrics.oldest.set((now - oldest).total_seconds() if oldest is not None else 0)
        late = now - self.engine.policy.terminate_alert
        overdue = await self.engine.database.read(operations.overdue_terminates, late)
        self.metrics.terminate_overdue.set(overdue)
        self.metrics.drifted.set(await self.engine.database.read(services.drifted_count))
        self.metrics.drift(await self.engine.database.read(findings.counts))
        self.metrics.queue.set(self._dispatcher.busy)
        for connection_id, gate in self._pool.gates().items():
            self.metrics.gate_changed(connection_id, gate.breaker.state, gate.budget.tokens)


def _retention(settings: Settings) -> Retention:
    return Retention(
        idempotency=timedelta(seconds=settings.idempotency_retention),
        changes=timedelta(seconds=settings.changes_retention),
        callbacks=timedelta(seconds=settings.callback_retention),
    )


def _timetable(settings: Settings) -> Timetable:
    return Timetable(
        full=timedelta(seconds=settings.reconcile_full_every),
        light=timedelta(seconds=settings.reconcile_light_every),
    )


async def serve(settings: Settings, redactor: Redactor, announce: Any) -> None:
    """Run until SIGTERM or SIGINT; a second signal ends the process at once, and the next start resumes.

    `announce(foundation, url)` is awaited once the bridge listens.

    Raises:
        AlreadyServedError: another process serves this SQLite file.
    """
    prepare(settings)
    with _only_server(settings.store_url):
        async with foundation(settings, redactor) as base:
            installation = await base.database.run(meta.installation, base.ids.new("inst"))
            bridge = Bridge(base, _transport(settings), installation)
            stopping = _stop_on_signals()
            try:
                url = await bridge.start()
                log.info("bridge.listening", url=url, installation=installation)
                await announce(base, url)
                await stopping.wait()
                log.info("bridge.draining")
            finally:
                await bridge.stop()
            log.info("bridge.stopped")


def _only_server(url: str) -> AbstractContextManager[None]:
    file = database_file(url)
    return nullcontext() if file is None else exclusive_server_lock(file)


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            raise SystemExit(1)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopping
