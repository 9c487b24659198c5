"""The provider, spoken to over InfraFabric's API: commands and questions in the bridge's words, answers translated."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, JsonValue

from bridge.domain import provider as p
from bridge.domain.connection import Connection
from bridge.domain.ports import Clock, Rng
from bridge.infrafabric import answers, models, requests
from bridge.infrafabric.exchange import CallObserver, Exchange
from bridge.infrafabric.requests import WireRequest
from bridge.infrafabric.resilience import Gate
from bridge.infrafabric.settings import ClientSettings
from bridge.infrafabric.transport import Reply, Transport

__all__ = ["ClientSettings", "InfraFabricClient"]

_Model = TypeVar("_Model", bound=BaseModel)
log = structlog.get_logger(__name__)


class InfraFabricClient:
    """`bridge.domain.provider.Provider` for one connection. Everything it raises is a `ProviderError`."""

    def __init__(
        self,
        connection: Connection,
        *,
        clock: Clock,
        rng: Rng,
        settings: ClientSettings,
        gate: Gate,
        transport: Transport,
        observer: CallObserver | None = None,
    ) -> None:
        self._exchange = Exchange(connection, clock, rng, settings, gate, transport, observer)

    async def execute(self, command: p.Command, key: str) -> p.Accepted:
        """Send one mutating request under idempotency key `key`."""
        request = requests.of_command(command)
        reply = await self._exchange.command(request, key)
        with _readable(request):
            return _accepted(command, models.read(models.Mutation, self._value(reply)))

    async def operation(self, operation_id: str) -> p.ProviderOperation | None:
        """The operation, or None if InfraFabric does not know it."""
        request = requests.operation(operation_id)
        found = await self._find(request, models.Operation)
        return None if found is None else _same(request, operation_id, found.id, found.to_domain())

    async def instance(self, instance_id: str) -> p.Instance | None:
        """The machine, also a deleted one; None if InfraFabric does not know it."""
        request = requests.instance(instance_id)
        found = await self._find(request, models.Instance)
        return None if found is None else _same(request, instance_id, found.id, found.to_domain())

    async def instances_by_reference(self, reference: str) -> tuple[p.Instance, ...]:
        """All machines under that reference that are not deleted."""
        found = await self._list(
            "/instances",
            {"reference": reference},
            # Whatever the filter let through: a machine under another name is not ours.
            lambda item: item.get("reference") == reference and item.get("status") != "deleted",
            models.Instance,
        )
        return tuple(machine.to_domain() for machine in found)

    async def volumes(
        self, *, instance_id: str | None = None, label: str | None = None
    ) -> tuple[p.Volume, ...]:
        """All volumes of a machine, or with label `key:value`."""
        query = {"instance_id": instance_id, "label": label}
        found = await self._list(
            "/volumes",
            {name: value for name, value in query.items() if value is not None},
            lambda item: _carries(item, instance_id, label),
            models.Volume,
        )
        return tuple(volume.to_domain() for volume in found)

    async def instance_page(
        self, cursor: str | None, *, updated_since: datetime | None = None
    ) -> p.Page[p.Instance]:
        """The account's machines from a cursor on; with `updated_since` only what changed, deleted ones as well."""
        query = (
            {}
            if updated_since is None
            else {
                "updated_since": models.moment(updated_since),
                "include_deleted": "true",
            }
        )
        found = await self._page("/instances", query, cursor)
        readable = _readable_items(models.Instance, found.items)
        return p.Page(tuple(item.to_domain() for item in readable), _ids(found.items), found.next_cursor)

    async def volume_page(self, cursor: str | None, *, label: str) -> p.Page[p.Volume]:
        """The volumes with label `key:value` from a cursor on."""
        found = await self._page("/volumes", {"label": label}, cursor)
        carrying = [item for item in found.items if _carries(item, None, label)]
        readable = _readable_items(models.Volume, carrying)
        return p.Page(tuple(item.to_domain() for item in readable), _ids(carrying), found.next_cursor)

    async def usage(
        self, instance_id: str, start: datetime | None, end: datetime | None
    ) -> Mapping[str, Any]:
        """Metering of the machine as InfraFabric gives it."""
        span = {"from": start, "to": end}
        request = requests.usage(
            instance_id, {name: models.moment(at) for name, at in span.items() if at is not None}
        )
        reply = await self._exchange.ask(request)
        with _readable(request):
            found = models.read(models.Usage, answers.json_of(reply.body))
        return _same(request, instance_id, found.instance_id, found.model_dump(mode="json"))

    async def catalog(self, kind: p.CatalogKind) -> tuple[Mapping[str, Any], ...]:
        """All items of a catalogue list."""
        found = await self._list(f"/{kind}", {}, lambda item: True, models.CatalogItem)
        return tuple(item.model_dump(mode="json") for item in found)

    # ---- asking -----------------------------------------------------------------------------------------------------

    async def _find(self, request: WireRequest, model: type[_Model]) -> _Model | None:
        """One object, or None if InfraFabric itself, and not something on the way, says that it has none."""
        try:
            reply = await self._exchange.ask(request)
        except p.Refused as refusal:
            if refusal.status != 404:
                raise
            if refusal.code == "http_404":
                raise answers.unreadable(str(request), "a 404 that is not InfraFabric's") from refusal
            return None
        with _readable(request):
            return models.read(model, self._value(reply))

    async def _list(
        self,
        path: str,
        query: Mapping[str, str],
        wanted: Callable[[Mapping[str, JsonValue]], bool],
        model: type[_Model],
    ) -> list[_Model]:
        """The wanted items of all pages."""
        found: list[_Model] = []
        async for page in self._pages(path, query):
            with _readable(requests.listing(path, dict(query))):
                found += [models.read(model, item) for item in page.items if wanted(item)]
        return found

    async def _page(self, path: str, query: Mapping[str, str], cursor: str | None) -> models.Page:
        """One page.

        Raises:
            NoAnswer: among other things, when the list does not go on from the cursor.
        """
        onward = {} if cursor is None else {"cursor": cursor}
        size = {"limit": str(self._exchange.settings.page_size)}
        request = requests.listing(path, {**query, **size, **onward})
        reply = await self._exchange.ask(request)
        with _readable(request):
            page = models.read_page(answers.json_of(reply.body))
        if page.next_cursor is not None and page.next_cursor == cursor:
            raise answers.unreadable(str(request), "its cursor runs in a circle")
        return page

    async def _pages(self, path: str, query: Mapping[str, str]) -> AsyncIterator[models.Page]:
        settings = self._exchange.settings
        seen: set[str] = set()
        cursor: str | None = None
        for _ in range(settings.max_pages):
            page = await self._page(path, query, cursor)
            yield page
            if page.next_cursor is None:
                return
            if page.next_cursor in seen:
                raise answers.unreadable(path, "its cursor runs in a circle")
            seen.add(page.next_cursor)
            cursor = page.next_cursor
        raise answers.unreadable(path, f"the list has more than {settings.max_pages} pages")

    def _value(self, reply: Reply) -> Any:
        """The JSON value; why an operation failed is stored and shown, so the account's key is not quoted in it."""
        value = answers.json_of(reply.body)
        members = value if isinstance(value, dict) else {}
        for holder in (members, members.get("operation")):
            if isinstance(holder, dict) and "error" in holder:
                holder["error"] = answers.without(
                    holder["error"], self._exchange.connection.infrafabric_api_key
                )
        return value


@contextmanager
def _readable(request: WireRequest) -> Iterator[None]:
    """Turn what cannot be used into `NoAnswer`."""
    try:
        yield
    except (answers.Unreadable, models.Senseless) as error:
        raise answers.unreadable(str(request), str(error)) from error


def _readable_items(model: type[_Model], items: Iterable[Mapping[str, JsonValue]]) -> list[_Model]:
    """What makes sense; one machine that does not must not hide all the others."""
    found = []
    for item in items:
        try:
            found.append(models.read(model, item))
        except models.Senseless as error:
            log.warning("provider.senseless_item", why=str(error), id=str(item.get("id"))[:128])
    return found


def _ids(items: Iterable[Mapping[str, JsonValue]]) -> tuple[str, ...]:
    return tuple(str(item.get("id"))[:128] for item in items)


_Found = TypeVar("_Found")


def _same(request: WireRequest, asked: str, answered: str, found: _Found) -> _Found:
    if asked != answered:
        raise answers.unreadable(str(request), "it is about another object")
    return found


def _carries(item: Mapping[str, JsonValue], instance_id: str | None, label: str | None) -> bool:
    if instance_id is not None and item.get("instance_id") != instance_id:
        return False
    if label is None:
        return True
    name, _, value = label.partition(":")
    labels = item.get("labels")
    return isinstance(labels, dict) and labels.get(name) == value


def _accepted(command: p.Command, answer: models.Mutation) -> p.Accepted:
    """The answer as the engine knows it, if it is about what was asked.

    Raises:
        Senseless: it is not.
    """
    operation = None if answer.operation is None else answer.operation.to_domain()
    if operation is None and not _nothing_to_do(command, answer):
        raise models.Senseless("names no operation")
    _expect_same_machine(command, operation, answer.instance)
    return p.Accepted(
        # Passwords are only ever taken from GET /operations/{id}.
        operation=None if operation is None else replace(operation, root_password=None),
        instance=None if answer.instance is None else answer.instance.to_domain(),
        volume=None if answer.volume is None else answer.volume.to_domain(),
    )


def _nothing_to_do(command: p.Command, answer: models.Mutation) -> bool:
    if isinstance(command, p.DeleteInstance):
        return answer.instance is not None
    return isinstance(command, p.DeleteVolume) and answer.volume is not None


def _expect_same_machine(
    command: p.Command, operation: p.ProviderOperation | None, instance: models.Instance | None
) -> None:
    named = {None if operation is None else operation.instance_id, None if instance is None else instance.id}
    named -= {None}
    if isinstance(command, p.CreateInstance):
        fits = len(named) == 1 and (instance is None or instance.reference == command.reference)
    elif isinstance(command, p.ResizeVolume | p.DetachVolume | p.DeleteVolume):
        fits = True
    else:
        fits = named <= {command.instance_id}
    if not fits:
        raise models.Senseless("is about another machine")
