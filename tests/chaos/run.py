"""Chaos: real processes, kills, faults and impatient callers; then quiet, and the promise is checked.

    python -m tests.chaos.run --seconds 60 --services 200

Nothing here is replayable; what it finds, the simulation has to find again from a seed.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from bridge.demo.stack import Stack
from tests.chaos.evidence import gather
from tests.invariants import violations
from tests.simulation.callers import BODIES, FORM

CALLERS = 8
FAULTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("drop_before", 0.03, {}),
    ("drop_after", 0.05, {}),
    ("error_before", 0.03, {"status": 503}),
    ("error_after", 0.03, {"status": 502}),
    ("throttle", 0.02, {"retry_after": 1}),
    ("malformed", 0.02, {}),
    ("delay", 0.02, {"seconds": 4}),
    ("operation_fails", 0.03, {"retryable": True}),
    ("lost", 0.1, {}),
    ("double", 0.05, {}),
    ("late", 0.05, {"seconds": 3}),
    ("reorder", 0.05, {}),
)
"""Together about a fifth of all requests, and a quarter of all callbacks."""

QUICK = {
    "BRIDGE_CLIENT_REQUEST_TIMEOUT": "3",
    "BRIDGE_POLL_FIRST": "0.3",
    "BRIDGE_POLL_MAX": "3",
    "BRIDGE_BACKOFF_BASE": "0.2",
    "BRIDGE_BACKOFF_CAP": "3",
    "BRIDGE_BREAKER_FIRST": "0.5",
    "BRIDGE_BREAKER_MAX": "2",
}


@dataclass
class Chaos:
    """One run. Counts what happened; `accepted` are ids that callers were told of, in any answer."""

    stack: Stack
    seconds: float
    services: int
    accepted: dict[str, None] = field(default_factory=dict)
    kills: int = 0
    unanswered: int = 0
    dice: random.Random = field(default_factory=random.Random)

    async def run(self) -> None:
        """Storm, then calm."""
        for kind, probability, options in FAULTS:
            self.stack.fault(endpoint="*", kind=kind, probability=probability, **options)
        keys = [str(uuid.uuid4()) for _ in range(self.services)]
        until = time.monotonic() + self.seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8)) as http:
            callers = [self._call(http, keys[number::CALLERS], until) for number in range(CALLERS)]
            await asyncio.gather(self._kill(until), *callers)
        self.stack.control("DELETE", "faults")
        await asyncio.to_thread(self._settle)

    async def _kill(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self.dice.uniform(1, 3))
            await asyncio.to_thread(self.stack.kill_bridge)
            self.kills += 1
            await asyncio.to_thread(self.stack.start_bridge)

    async def _call(self, http: aiohttp.ClientSession, keys: list[str], until: float) -> None:
        """One caller: a random command on a random service of its own, repeated until it is answered."""
        born: set[str] = set()
        while time.monotonic() < until:
            key = self.dice.choice(keys)
            action = "create" if key not in born else self.dice.choice(list(BODIES))
            born.add(key)
            body = BODIES[action](await self._service(http, key), self.dice)
            if body is not None:
                await self._until_answered(http, key, action, body)

    async def _until_answered(
        self, http: aiohttp.ClientSession, key: str, action: str, body: dict[str, Any]
    ) -> None:
        form = uuid.uuid4().hex
        for _ in range(60):
            headers = self._headers() | {"Idempotency-Key": form if action in FORM else uuid.uuid4().hex}
            url = f"{self.stack.bridge_url}/v1/services/{key}/{action}"
            try:
                async with http.post(url, json=body, headers=headers) as answer:
                    if answer.status in (200, 202):
                        self.accepted[(await answer.json())["id"]] = None
                    if answer.status < 500 and answer.status != 429:
                        return
            except (aiohttp.ClientError, TimeoutError):
                self.unanswered += 1
            await asyncio.sleep(self.dice.uniform(0.05, 0.5))

    async def _service(self, http: aiohttp.ClientSession, key: str) -> Any:
        try:
            async with http.get(
                f"{self.stack.bridge_url}/v1/services/{key}", headers=self._headers()
            ) as answer:
                if answer.status != 200:
                    return None
                found = await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return None
        return SimpleNamespace(
            addresses=[SimpleNamespace(**address) for address in found["addresses"]],
            volumes=[SimpleNamespace(**volume) for volume in found["volumes"]],
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stack.module_key}", "X-Actor": "staff:1", "Prefer": "wait=2"}

    def _settle(self) -> None:
        """Until nothing is unfinished, here and at the sandbox; ten minutes are too long."""
        for _ in range(3000):
            open_ = [
                self.stack.api("GET", f"/v1/operations?state={state}&limit=1").body["items"]
                for state in ("queued", "running", "awaiting")
            ]
            if not any(open_) and not self.stack.truth()["undelivered"]:
                return
            time.sleep(0.2)

    def report(self) -> tuple[list[str], str]:
        """What is broken, and the run in one line."""
        truth = self.stack.truth()
        found = violations(gather(self.stack, list(self.accepted))) + self._compared()
        counts = {
            "commands accepted": len(self.accepted),
            "calls without an answer": self.unanswered,
            "kills survived": self.kills,
            "faults injected": truth["faults_fired"],
            "duplicates": sum("effects_happen_once" in text for text in found),
            "lost": sum("everything_accepted" in text for text in found),
            "orphans": sum("billed" in text or "volume" in text or "orphan" in text for text in found),
            "other violations": len(found),
        }
        return found, ", ".join(f"{name} {count}" for name, count in counts.items())

    def _compared(self) -> list[str]:
        """What the bridge's own comparison finds that belongs to nobody, or is not there."""
        told = self.stack.command("reconcile", "--dry-run").splitlines()
        return [line for line in told if line.startswith(("missing_", "orphan_", "leftover_"))]


def storm(folder: Path, seconds: float, services: int) -> tuple[list[str], str, Chaos]:
    """One whole run: violations, the report, and the run itself."""
    with Stack(folder, speed=20, environment=QUICK) as stack:
        chaos = Chaos(stack, seconds, services)
        asyncio.run(chaos.run())
        found, report = chaos.report()
        return found, report, chaos


def main() -> int:
    """0 when the promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--services", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="infrafabric-chaos-") as folder:
        found, report, _ = storm(Path(folder), options.seconds, options.services)
    print(report)
    for text in found:
        print(f"  {text}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
