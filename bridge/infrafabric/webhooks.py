"""Verifying InfraFabric's callbacks: Standard Webhooks, strictly, over the raw bytes (requirements C1 to C6, C14).

Own code on `cryptography`, because the public library accepts what it should not and raises what nobody expects; the
sandbox signs with that library, so that a mistake made here would show.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives import constant_time, hashes, hmac
from pydantic import ValidationError

from bridge.domain.provider import InstanceReport, OperationReport, Report, UnknownReport
from bridge.infrafabric import models

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
_ID = re.compile(
    r"^[!-\-/-~]{1,255}$"
)  # printable, and no dot: a dot would move the borders of what is signed
_TIMESTAMP = re.compile(r"^[1-9][0-9]{0,14}$")
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MOST_SIGNATURES = 16


class Headers(Protocol):
    """Case-insensitive headers that may repeat."""

    def getall(self, key: str, default: Any) -> list[str]:
        """All values."""
        ...


class WebhookRejected(Exception):
    """Not authentic, or not readable. `code` is a problem code, `reason` a word for logs and metrics."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class Verified:
    """An authentic message."""

    id: str
    body: Mapping[str, Any]


def parse_secret(text: str) -> bytes:
    """The bytes of a `whsec_` secret.

    Raises:
        ValueError: another form, or not 24 to 64 bytes (C3).
    """
    if not text.startswith(_PREFIX):
        raise ValueError("a webhook secret begins with whsec_")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a webhook secret is whsec_ and base64") from error
    if len(secret) not in _SECRET_BYTES:
        raise ValueError("a webhook secret has 24 to 64 bytes")
    return secret


def verify(secrets: Sequence[str], headers: Headers, raw: bytes, now: datetime, tolerance: int) -> Verified:
    """Check id, time and signature before anything is parsed.

    `secrets` are all that are valid now; `tolerance` is seconds either way.

    Raises:
        WebhookRejected: nothing about the message may be believed.
    """
    message_id, timestamp, signatures = (_single(headers, name) for name in _HEADERS)
    if not _ID.match(message_id):
        raise WebhookRejected("malformed", "bad_id")
    if not _TIMESTAMP.match(timestamp):
        raise WebhookRejected("timestamp_invalid", "bad_timestamp")
    if abs(now.timestamp() - int(timestamp)) > tolerance:
        raise WebhookRejected("timestamp_invalid", "outside_tolerance")
    signed = b".".join((message_id.encode(), timestamp.encode(), raw))
    if not _any_matches(secrets, signed, _candidates(signatures)):
        raise WebhookRejected("signature_invalid", "bad_signature")
    return Verified(message_id, _object(raw))


def _single(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    if not values:
        raise WebhookRejected("signature_missing", "missing_header")
    if len(values) > 1:
        raise WebhookRejected("malformed", "repeated_header")
    return values[0]


def _candidates(header: str) -> list[bytes]:
    """Decoded `v1` signatures; other versions are skipped, anything else is malformed."""
    found: list[bytes] = []
    entries = header.split(" ")
    if len(entries) > _MOST_SIGNATURES:
        raise WebhookRejected("malformed", "bad_signature_header")
    for entry in entries:
        version, comma, text = entry.partition(",")
        if not comma or not re.fullmatch(r"v[0-9]+[a-z]*", version):
            raise WebhookRejected("malformed", "bad_signature_header")
        if version != "v1":
            continue
        try:
            found.append(base64.b64decode(text.encode("ascii"), validate=True))
        except (binascii.Error, ValueError) as error:
            raise WebhookRejected("malformed", "bad_signature_header") from error
    return found


def _any_matches(secrets: Sequence[str], signed: bytes, candidates: Sequence[bytes]) -> bool:
    """Every secret is tried on every candidate, whatever was found before (C5)."""
    matched = False
    for secret in secrets:
        mac = hmac.HMAC(parse_secret(secret), hashes.SHA256())
        mac.update(signed)
        expected = mac.finalize()
        for candidate in candidates:
            matched |= constant_time.bytes_eq(expected, candidate)
    return matched


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WebhookRejected("malformed", "bad_json") from error
    if not isinstance(body, dict):
        raise WebhookRejected("malformed", "bad_json")
    return body


def parse_report(body: Mapping[str, Any]) -> tuple[str, Report]:
    """The event's type and meaning. Authentic but senseless data is an `UnknownReport`: taken, counted, no effect."""
    kind = body.get("type")
    if not isinstance(kind, str) or not 0 < len(kind) <= 64:
        return "unknown", UnknownReport("no type")
    try:
        return kind, _report(kind, body.get("data"))
    except ValidationError as error:
        return kind, UnknownReport(f"data does not fit: {error.error_count()} errors")


def _report(kind: str, data: Any) -> Report:
    if kind in ("operation.progress", "operation.succeeded", "operation.failed"):
        operation = models.Operation.model_validate(data).to_domain()
        if kind != "operation.progress" and operation.status != kind.removeprefix("operation."):
            return UnknownReport("type and status disagree")
        return OperationReport(operation)
    if kind in ("instance.updated", "instance.deleted"):
        return InstanceReport(
            models.Instance.model_validate(data).to_domain(), deleted=kind == "instance.deleted"
        )
    return UnknownReport("unknown type")
