"""What an answer means: the one place that sorts InfraFabric's answers into the provider's family of errors."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from bridge.domain.provider import NoAnswer, NotSent, ProviderError, Refused, TryLater
from bridge.infrafabric.models import Problem
from bridge.infrafabric.transport import Reply, TooLarge, TransportError, Unreachable

Again = Literal["transient", "throttled"]

_TAKEN = frozenset({200, 201, 202})
_LONGEST_WAIT = timedelta(days=7)
_NO_CAPACITY = 507


class Missed(Exception):
    """One send that did not succeed. `again`: as what it may be repeated in place, None if the caller should decide."""

    def __init__(self, error: ProviderError, again: Again | None) -> None:
        super().__init__(error.detail)
        self.error, self.again = error, again


class Unreadable(ValueError):
    """The bytes are no JSON that the bridge can use."""


def of_transport(error: TransportError, what: str) -> Missed:
    """What it means that no answer came. `what` names the request, as `POST /instances`."""
    if isinstance(error, Unreachable):
        text = f"{what} was not sent, because InfraFabric cannot be reached: {error.detail}"
        return Missed(NotSent(text), "transient")
    text = f"{what} may or may not have taken effect: {error.detail}"
    return Missed(NoAnswer(text), None if isinstance(error, TooLarge) else "transient")


def alive(reply: Reply) -> bool:
    """Whether the provider works, as far as this answer shows; a no counts, too."""
    return reply.status < 500 or reply.status == _NO_CAPACITY


def check(reply: Reply, what: str, now: datetime, secret: str = "") -> None:
    """Let an answer pass whose status says yes. `secret` is left out of whatever the answer quotes.

    Raises:
        Missed: anything else, with its meaning.
    """
    if reply.status not in _TAKEN:
        raise _missed(reply, problem_of(reply, secret), what, now)


def without(value: Any, secret: str) -> Any:
    """A JSON value in which no text quotes the secret; what is quoted gets stored and shown otherwise."""
    if not secret:
        return value
    if isinstance(value, str):
        return value.replace(secret, "***")
    if isinstance(value, list):
        return [without(item, secret) for item in value]
    if isinstance(value, dict):
        return {without(name, secret): without(member, secret) for name, member in value.items()}
    return value


def unreadable(what: str, why: str) -> NoAnswer:
    """The answer says yes, but what it says beyond that cannot be used."""
    return NoAnswer(f"InfraFabric's answer to {what} cannot be used ({why}), so its effect is unknown.")


def json_of(content: bytes) -> Any:
    """The JSON value of a body, as RFC 8259 has it: UTF-8, and no NaN.

    Raises:
        Unreadable: anything else.
    """
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def problem_of(reply: Reply, secret: str = "") -> Problem:
    """The problem document of an error answer, as far as there is one, without the secret."""
    try:
        return Problem.read(without(json_of(reply.body), secret))
    except Unreadable:
        return Problem()


def retry_after_of(reply: Reply, now: datetime) -> timedelta | None:
    """`Retry-After` as a duration, at most a week; None if absent or malformed.

    A date is compared with the answer's own `Date`, so that it does not matter how far the two clocks are apart.
    """
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
    moment = _http_date(text)
    if moment is None:
        return None
    sent_at = _http_date(reply.headers.get("date", "")) or now
    return min(max(moment - sent_at, timedelta()), _LONGEST_WAIT)


def _missed(reply: Reply, problem: Problem, what: str, now: datetime) -> Missed:
    status, wait = reply.status, retry_after_of(reply, now)
    said = f"InfraFabric answered {what} with {status}{' ' + problem.code if problem.code else ''}"
    if status == 429:
        return Missed(TryLater(f"{said}: too many requests.", retry_after=wait), "throttled")
    if status == 408 or (status == 409 and problem.code == "instance_busy"):
        return Missed(TryLater(f"{said}: not now.", retry_after=wait), None)
    if status == 409 and problem.code == "idempotency_key_in_flight":
        text = f"{said}: an earlier send of the same request is still at work."
        return Missed(NoAnswer(text, retry_after=wait), None)
    if 300 <= status < 500 or status == _NO_CAPACITY:
        return Missed(_refused(status, problem), None)
    unknown = NoAnswer(f"{said}, which leaves open whether it took effect.", retry_after=wait)
    return Missed(unknown, "transient" if status >= 500 else None)


def _refused(status: int, problem: Problem) -> Refused:
    detail = (
        problem.detail or problem.title or f"InfraFabric answered with status {status} and no explanation."
    )
    return Refused(
        detail,
        status=status,
        code=problem.code or f"http_{status}",
        errors=problem.errors,
        instance_id=problem.instance_id,
    )


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
