"""Verifying InfraFabric's callbacks: Standard Webhooks, strictly, over the raw bytes (requirements C1 to C6, C14).

Own code on `cryptography`, because the public library accepts what it should not and raises what nobody expects; the
sandbox signs with that library, so that a mistake made here would show.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives import constant_time, hashes, hmac

from bridge.domain.provider import InstanceReport, OperationReport, Report, UnknownReport
from bridge.infrafabric import models
from bridge.infrafabric.answers import Unreadable, json_of, without

_PREFIX = "whsec_"
_SECRET_BYTES = range(24, 65)
# Printable and without a dot: a dot would move the borders between the parts that are signed.
_ID = re.compile(r"[!-\-/-~]{1,255}")
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,14}")
_VERSION = re.compile(r"v[0-9]+[a-z]*")
_KIND = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST_SIGNATURES = 16
_OPERATION_KINDS = frozenset({"operation.progress", "operation.succeeded", "operation.failed"})
_INSTANCE_KINDS = frozenset({"instance.updated", "instance.deleted"})


class Headers(Protocol):
    """Case-insensitive headers that may repeat."""

    def getall(self, key: str, default: list[str], /) -> list[str]:
        """All values."""
        ...


class WebhookRejected(Exception):
    """Not authentic, or not readable. `code` is a problem code, `reason` one of a few words for logs and metrics."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class VerifiedWebhook:
    """An authentic message. `timestamp`: when this attempt was signed, unix seconds; `body`: the JSON object."""

    id: str
    timestamp: int
    body: Mapping[str, Any]


def parse_secret(text: str) -> bytes:
    """The bytes of a `whsec_` secret.

    Raises:
        ValueError: another form, or not 24 to 64 bytes (C3). The text never quotes the secret.
    """
    if not text.startswith(_PREFIX):
        raise ValueError("A webhook secret begins with whsec_.")
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("A webhook secret is whsec_ followed by base64.") from error
    if len(secret) not in _SECRET_BYTES:
        raise ValueError("A webhook secret has 24 to 64 bytes.")
    return secret


def verify(
    secrets: Sequence[str], headers: Headers, body: bytes, now: datetime, tolerance: float = 300
) -> VerifiedWebhook:
    """Check id, time and signature of the raw `body` before anything in it is parsed.

    `secrets`: all that are valid now; with none, nothing is authentic. `tolerance`: seconds either way.

    Raises:
        WebhookRejected: nothing about the message may be believed, or nothing in it can be read.
    """
    webhook_id = _single(headers, "webhook-id")
    timestamp = _single(headers, "webhook-timestamp")
    signatures = _single(headers, "webhook-signature")
    if not _ID.fullmatch(webhook_id):
        raise WebhookRejected("malformed", "bad_id")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WebhookRejected("timestamp_invalid", "bad_timestamp")
    if abs(now.timestamp() - int(timestamp)) > tolerance:
        raise WebhookRejected("timestamp_invalid", "outside_tolerance")
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    if not _any_matches(secrets, signed, _candidates(signatures)):
        raise WebhookRejected("signature_invalid", "bad_signature")
    return VerifiedWebhook(webhook_id, int(timestamp), _object(body))


def parse_report(body: Mapping[str, Any], secret: str = "") -> tuple[str, Report]:
    """The event's type and its meaning. Authentic but senseless data is an `UnknownReport`: taken, without effect.

    The type is as sent if it looks like one, otherwise `unknown`; data may hold anything without an exception. Why an
    operation failed is stored and shown, so `secret` is not quoted in it.
    """
    kind = body.get("type")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        return "unknown", UnknownReport("The message names no event type.")
    data = body.get("data")
    if isinstance(data, dict) and "error" in data:
        data = {**data, "error": without(data["error"], secret)}
    try:
        return kind, _report(kind, data)
    except models.Senseless as error:
        return kind, UnknownReport(f"The data {error}.")


# ---- verifying ------------------------------------------------------------------------------------------------------


def _single(headers: Headers, name: str) -> str:
    values = headers.getall(name, [])
    if not values:
        raise WebhookRejected("signature_missing", "missing_header")
    if len(values) > 1:
        raise WebhookRejected("malformed", "repeated_header")
    return values[0]


def _candidates(header: str) -> list[bytes]:
    """Decoded `v1` signatures; other versions are skipped, and one entry out of form spoils the header."""
    entries = header.split(" ")
    if len(entries) > _MOST_SIGNATURES:
        raise WebhookRejected("malformed", "bad_signature_header")
    return list(_decoded(entries))


def _decoded(entries: Sequence[str]) -> Iterator[bytes]:
    for entry in entries:
        version, comma, text = entry.partition(",")
        if not comma or not _VERSION.fullmatch(version):
            raise WebhookRejected("malformed", "bad_signature_header")
        if version == "v1":
            yield _strict_base64(text)


def _strict_base64(text: str) -> bytes:
    """Base64 that is spelled in the one canonical way; the library alone would let stray bits at the end pass."""
    try:
        decoded = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise WebhookRejected("malformed", "bad_signature_header") from error
    if base64.b64encode(decoded).decode() != text:
        raise WebhookRejected("malformed", "bad_signature_header")
    return decoded


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


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json_of(body)
    except Unreadable as error:
        raise WebhookRejected("malformed", "bad_json") from error
    if not isinstance(value, dict):
        raise WebhookRejected("malformed", "bad_json")
    return value


# ---- understanding --------------------------------------------------------------------------------------------------


def _report(kind: str, data: Any) -> Report:
    if kind in _OPERATION_KINDS:
        return _operation(kind, models.read(models.Operation, data))
    if kind in _INSTANCE_KINDS:
        return _instance(kind, models.read(models.Instance, data))
    return UnknownReport("The bridge has no use for this event type.")


def _operation(kind: str, said: models.Operation) -> Report:
    if kind != "operation.progress" and said.status != kind.removeprefix("operation."):
        return UnknownReport("Event type and status contradict each other.")
    # A callback never carries a password; should one do, it is not believed.
    return OperationReport(replace(said.to_domain(), root_password=None))


def _instance(kind: str, said: models.Instance) -> Report:
    deleted = kind == "instance.deleted"
    if deleted and said.status != "deleted":
        return UnknownReport("Event type and status contradict each other.")
    return InstanceReport(said.to_domain(), deleted=deleted)
