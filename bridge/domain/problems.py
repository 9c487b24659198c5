"""Every way the bridge says no, as RFC 9457 problem details: one catalogue, one error class.

The `code` is the identity callers switch on; `type` is derived from it. Titles are constant per code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FieldErrors = Mapping[str, Mapping[str, str]]
"""`{field: {rule: message}}` with Blesta's rule words: empty, format, exists, length, valid."""

TYPE_PREFIX = "urn:infrafabric-bridge:problem:"

CATALOGUE: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "The request cannot be read"),
    "idempotency_key_missing": (400, "The Idempotency-Key header is missing"),
    "idempotency_key_invalid": (400, "The Idempotency-Key header is not valid"),
    "actor_missing": (400, "The X-Actor header is missing"),
    "actor_invalid": (400, "The X-Actor header is not valid"),
    "connection_required": (400, "The request does not say which connection it means"),
    "unauthorized": (401, "The API key is missing or not valid"),
    "signature_missing": (400, "The callback is not signed"),
    "signature_invalid": (401, "The callback's signature is not valid"),
    "timestamp_invalid": (400, "The callback's timestamp is not acceptable"),
    "forbidden": (403, "This caller may not do that"),
    "not_found": (404, "There is no such object"),
    "unknown_action": (404, "There is no such action"),
    "method_not_allowed": (405, "This method is not allowed here"),
    "not_acceptable": (406, "None of the acceptable answers can be given"),
    "request_timeout": (408, "The request took too long to arrive"),
    "conflict": (409, "The request conflicts with the present state"),
    "create_conflict": (409, "The service exists with another create request"),
    "action_not_allowed": (409, "The action is not allowed in this state"),
    "instance_owned": (409, "The machine belongs to somebody else"),
    "connection_in_use": (409, "The connection still has live services"),
    "cursor_expired": (410, "The cursor is older than what is kept"),
    "length_required": (411, "The request does not say how long it is"),
    "too_large": (413, "The request body is too large"),
    "uri_too_long": (414, "The request line is too long"),
    "unsupported_media_type": (415, "The content type is not supported"),
    "expectation_failed": (417, "The Expect header cannot be met"),
    "validation_failed": (422, "Some members are not valid"),
    "idempotency_key_reused": (422, "The Idempotency-Key was used for another request"),
    "too_many_requests": (429, "Too many requests"),
    "queue_full": (429, "Too many unfinished operations on this service"),
    "headers_too_large": (431, "The request headers are too large"),
    "internal_error": (500, "The bridge failed"),
    "not_implemented": (501, "The request asks for something the server does not know"),
    "provider_unavailable": (503, "InfraFabric could not be reached in time"),
    "not_ready": (503, "The bridge is not ready"),
    "store_unavailable": (503, "The bridge's database is not available"),
    # How an accepted operation can end without success (`Operation.error`).
    "state_changed": (409, "The service's state changed before the operation's turn"),
    "provider_refused": (502, "InfraFabric refused the request"),
    "provider_failed": (502, "InfraFabric's operation failed"),
    "no_capacity": (507, "InfraFabric has no capacity for this now"),
    "timeout": (504, "The operation did not finish before its deadline"),
    "outcome_unknown": (504, "Nobody can say whether the operation took effect"),
    "instance_gone": (502, "The machine no longer exists at InfraFabric"),
    "reference_conflict": (409, "InfraFabric holds another machine under this service's reference"),
    "canceled": (409, "The operation was canceled"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document. `extra` members are merged into the JSON object."""

    code: str
    detail: str
    errors: FieldErrors | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the code."""
        return CATALOGUE[self.code][0]

    @property
    def title(self) -> str:
        """The constant, human-readable name of the code."""
        return CATALOGUE[self.code][1]

    def to_json(self) -> dict[str, Any]:
        """The `application/problem+json` object."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.errors:
            body["errors"] = {name: dict(rules) for name, rules in self.errors.items()}
        return body | dict(self.extra)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Problem":
        """The problem that `to_json` made `stored` from."""
        derived = {"type", "title", "status", "detail", "code", "errors"}
        extra = {name: value for name, value in stored.items() if name not in derived}
        return cls(stored["code"], stored["detail"], stored.get("errors"), extra)


class ProblemError(Exception):
    """A problem that ends the present request; the API turns it into its answer."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: FieldErrors | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.problem = Problem(code, detail, errors, extra)
        self.headers = dict(headers or {})
