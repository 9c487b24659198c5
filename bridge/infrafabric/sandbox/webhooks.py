"""Sending webhooks, signed with the public `standardwebhooks` library, again and again until they are taken."""

import asyncio
import json
from collections import deque
from datetime import datetime
from typing import Any

import aiohttp
from standardwebhooks import Webhook

from bridge.infrafabric.sandbox.faults import WEBHOOK_KINDS, Fault, Faults
from bridge.infrafabric.sandbox.state import State, new_id, now, stamp

SCHEDULE = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)
_TIMEOUT = aiohttp.ClientTimeout(total=15)


class Sender:
    """Keeps the outbox moving. `retries` are seconds between attempts."""

    def __init__(self, state: State, faults: Faults, retries: tuple[float, ...]) -> None:
        self._state, self._faults, self._retries = state, faults, retries
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[tuple[str, Fault | None]] = []
        self._session: aiohttp.ClientSession | None = None
        self.log: deque[dict[str, Any]] = deque(maxlen=20_000)

    async def start(self) -> None:
        """Take up what an earlier process did not deliver."""
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        for message_id in list(self._state.outbox):
            self._spawn(self._deliver(message_id, None))

    async def stop(self) -> None:
        """Leave the rest to the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def send(self, kind: str, data: dict[str, Any]) -> None:
        """Queue an event."""
        if not self._state.webhook["url"]:
            return
        fault = self._faults.strike("webhook", WEBHOOK_KINDS - {"early"}, kind)
        if fault is not None and fault.kind == "lost":
            self.log.append({"type": kind, "outcome": "lost", "at": stamp()})
            return
        message_id = new_id("msg")
        self._state.outbox[message_id] = {"type": kind, "timestamp": stamp(), "data": data}
        self._state.changed()
        if fault is not None and fault.kind == "reorder":
            self._held.append((message_id, fault))
            return
        self._spawn(self._deliver(message_id, fault))
        held, self._held = self._held, []
        for later_id, _ in held:
            self._spawn(self._deliver(later_id, None, first_pause=0.2))

    async def flush(self) -> None:
        """Wait until everything that is under way now was tried once."""
        await asyncio.sleep(0)
        await asyncio.wait(self._tasks, timeout=2) if self._tasks else None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, message_id: str, fault: Fault | None, first_pause: float = 0.0) -> None:
        kind = fault.kind if fault is not None else ""
        if kind == "late":
            first_pause = float(fault.options.get("seconds", 5)) if fault is not None else 0.0
        await asyncio.sleep(first_pause)
        for pause in (0.0, *self._retries):
            await asyncio.sleep(pause)
            status = await self._attempt(message_id, bad=kind == "bad_signature")
            kind = "" if kind == "bad_signature" else kind
            if status is not None and (200 <= status < 300 or status == 410):
                break
        if kind == "double":
            await self._attempt(message_id, bad=False)
        self._state.outbox.pop(message_id, None)
        self._state.changed()

    async def _attempt(self, message_id: str, *, bad: bool) -> int | None:
        """One POST, signed for this moment with every secret; the status, or None without an answer."""
        event = self._state.outbox[message_id]
        body = json.dumps(event)
        moment = now()
        secrets = self._state.webhook["secrets"]
        signatures = " ".join(self._sign(secret, message_id, moment, body) for secret in secrets)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": signatures if not bad else "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        }
        assert self._session is not None
        status: int | None = None
        try:
            async with self._session.post(self._state.webhook["url"], data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        else:
            outcome = str(status)
        entry = {"id": message_id, "type": event["type"], "outcome": outcome, "at": stamp()}
        self.log.append(entry)
        return status

    @staticmethod
    def _sign(secret: str, message_id: str, moment: datetime, body: str) -> str:
        return Webhook(secret).sign(message_id, moment, body)
