"""Things that go wrong on request: which, where, how often."""

import random
from dataclasses import dataclass, field
from typing import Any

from bridge.infrafabric.sandbox.problems import Problem, invalid
from bridge.infrafabric.sandbox.state import new_id

REQUEST_KINDS = frozenset(
    {
        "drop_before",
        "drop_after",
        "error_before",
        "error_after",
        "throttle",
        "maintenance",
        "delay",
        "hang",
        "malformed",
        "wrong_status",
        "oversized",
        "operation_fails",
        "operation_hangs",
    }
)
WEBHOOK_KINDS = frozenset({"lost", "double", "early", "late", "reorder", "bad_signature"})
_NAMES = frozenset({"endpoint", "kind", "count", "probability", "types"})


@dataclass(slots=True)
class Fault:
    """One rule. `endpoint` is `METHOD /path/{id}`, `*`, or `webhook`; `options` are the kind's own numbers."""

    id: str
    endpoint: str
    kind: str
    count: int | None
    probability: float
    types: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    fired: int = 0

    def to_json(self) -> dict[str, Any]:
        """As it is shown."""
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            "kind": self.kind,
            "left": self.count,
            "probability": self.probability,
            "fired": self.fired,
            **self.options,
        }


class Faults:
    """All rules; a seed makes the dice repeatable."""

    def __init__(self, seed: int | None) -> None:
        self._dice = random.Random(seed)
        self.rules: list[Fault] = []
        self.fired = 0

    def add(self, body: Any) -> Fault:
        """A new rule from its JSON form."""
        if not isinstance(body, dict):
            raise Problem(400, "malformed", "A fault is a JSON object.")
        kind = body.get("kind")
        if kind not in REQUEST_KINDS | WEBHOOK_KINDS:
            raise invalid({"kind": {"valid": "one of " + ", ".join(sorted(REQUEST_KINDS | WEBHOOK_KINDS))}})
        fault = Fault(
            id=new_id("flt"),
            endpoint="webhook" if kind in WEBHOOK_KINDS else str(body.get("endpoint", "*")),
            kind=kind,
            count=body.get("count"),
            probability=float(body.get("probability", 1.0)),
            types=tuple(body.get("types", ())),
            options={name: value for name, value in body.items() if name not in _NAMES},
        )
        self.rules.append(fault)
        return fault

    def strike(self, endpoint: str, kinds: frozenset[str], kind_of_event: str = "") -> Fault | None:
        """The first rule that hits this time; it is used up by one."""
        for fault in self.rules:
            if fault.kind not in kinds or fault.endpoint not in ("*", endpoint):
                continue
            if fault.types and kind_of_event not in fault.types:
                continue
            if fault.count == 0 or self._dice.random() >= fault.probability:
                continue
            if fault.count is not None:
                fault.count -= 1
            fault.fired += 1
            self.fired += 1
            return fault
        return None

    def between(self, low: float, high: float) -> float:
        """A duration from the same dice."""
        return self._dice.uniform(low, high)
