"""An operation: one durable execution of an action on a service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from bridge.domain.provider import Command


class OperationState(StrEnum):
    """`queued → running → awaiting → succeeded | failed | canceled`; the last three never change."""

    QUEUED = "queued"
    RUNNING = "running"
    AWAITING = "awaiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


UNFINISHED = frozenset({OperationState.QUEUED, OperationState.RUNNING, OperationState.AWAITING})
TERMINAL = frozenset(OperationState) - UNFINISHED


class Baseline(BaseModel):
    """What the machine looked like when an intent was written; silence is judged against it."""

    model_config = ConfigDict(frozen=True)

    instance_version: int = 0
    addresses: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


class Intent(BaseModel):
    """One mutating request, written down before it leaves.

    `key` is the provider's idempotency key. `silent` is True while some send of it may have taken effect unseen.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    command: Command
    at: datetime
    silent: bool = True
    sends: int = 0
    baseline: Baseline = Baseline()


class Halt(StrEnum):
    """Who ends a running operation: nobody, a terminate (which deletes itself), or staff (the operation cleans up)."""

    NO = ""
    TERMINATE = "terminate"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Cleaning:
    """Removing what a create left behind: why, and what follows once nothing is left."""

    problem: Mapping[str, Any]
    then: Literal["fail", "retry", "cancel"]

    def to_json(self) -> dict[str, Any]:
        """For storage."""
        return {"problem": dict(self.problem), "then": self.then}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. The second block is the engine's own memory and never shown."""

    id: str
    connection_id: str
    service_key: str
    service_seq: int
    action: str
    params: Mapping[str, Any]
    actor: str
    created_at: datetime
    state: OperationState = OperationState.QUEUED
    progress: int = 0
    error: Mapping[str, Any] | None = None
    retry_of: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None

    request_id: str | None = None
    step: str = "main"
    tries: int = 1
    """Number in the provider key; rises only after a definite answer or a failed provider operation."""
    attempts: int = 1
    """How many times the whole action was begun (a create is begun anew after cleaning)."""
    failures: int = 0
    """Consecutive unsuccessful sends or polls, for the backoff."""
    intent: Intent | None = None
    provider_operation_id: str | None = None
    awaiting_since: datetime | None = None
    cleaning: Cleaning | None = None
    halt: Halt = Halt.NO
    released: bool = False
    """The caller's wait ended before the create did: Blesta already shows the service."""
    token: str | None = None
    wake_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """True in a terminal state."""
        return self.state in TERMINAL


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One line of an operation's history."""

    at: datetime
    event: str
    detail: Mapping[str, Any] = field(default_factory=dict)


EVENTS = (
    "accepted",
    "started",
    "sent",
    "answered",
    "no_answer",
    "retrying",
    "awaiting",
    "progress",
    "callback",
    "polled",
    "cleaning",
    "halting",
    "succeeded",
    "failed",
    "canceled",
)
