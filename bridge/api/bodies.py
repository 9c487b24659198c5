"""Reading requests strictly: JSON bodies, idempotency keys, preferences, pages."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bridge.api.context import api_of
from bridge.domain.problems import ProblemError

_BARE_KEY = re.compile(r"^[!#-~]{1,255}$")
_QUOTED_KEY = re.compile(r'^"((?:[ !#-\[\]-~]|\\["\\])*)"$')
_WAIT = re.compile(r"^wait=(?:\"?)([0-9]{1,9})(?:\"?)$", re.IGNORECASE)
_SERVICE_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object as sent: parsed, and in its canonical form for comparing."""

    value: dict[str, Any]
    canonical: bytes


async def read_object(request: web.Request) -> Body:
    """The JSON object of a request; an absent body counts as `{}`.

    Raises:
        ProblemError: 400 `malformed`, 413 `too_large`, 415 `unsupported_media_type`.
    """
    raw = await read_raw(request)
    if not raw:
        return Body({}, b"{}")
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() not in (
        "utf-8",
        "utf8",
    ):
        raise ProblemError("unsupported_media_type", "Send the body as application/json in UTF-8.")
    value = _parse(raw)
    if not isinstance(value, dict):
        raise ProblemError("malformed", "The body must be a JSON object.")
    return Body(value, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


async def read_raw(request: web.Request) -> bytes:
    """The body's bytes, at most as many as the bridge accepts."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ProblemError("unsupported_media_type", "Send the body without a content encoding.")
    limit = api_of(request).limits.body_bytes
    too_large = ProblemError("too_large", f"The body is larger than {limit} bytes. Nothing was changed.")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constants)
    except (ValueError, RecursionError) as error:
        raise ProblemError(
            "malformed", "The body is not valid JSON in UTF-8. Nothing was changed."
        ) from error


def _no_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member appears twice")
    for name in found:
        name.encode()  # a lone surrogate cannot be stored or answered
    return found


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def idempotency_key(request: web.Request) -> str:
    """The key, quoted or bare, as the same text (B1, B5).

    Raises:
        ProblemError: 400 `idempotency_key_missing` or `idempotency_key_invalid`.
    """
    values = request.headers.getall("Idempotency-Key", [])
    if not values:
        raise ProblemError(
            "idempotency_key_missing",
            "Send an Idempotency-Key of up to 255 characters, a new one for each command.",
        )
    invalid = ProblemError(
        "idempotency_key_invalid", "Send one Idempotency-Key of 1 to 255 printable characters."
    )
    if len(values) > 1:
        raise invalid
    quoted = _QUOTED_KEY.match(values[0])
    key = re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else values[0]
    if not 1 <= len(key) <= 255 or not (quoted or _BARE_KEY.match(key)):
        raise invalid
    return key


def fingerprint(request: web.Request, body: Body) -> str:
    """Which request this is: method, path, query and canonical body (B7)."""
    query = sorted(request.query.items())
    parts = json.dumps([request.method, request.path, query]).encode()
    return hashlib.sha256(parts + b"\n" + body.canonical).hexdigest()


def preferred_wait(request: web.Request) -> int | None:
    """Seconds of `Prefer: wait=N`, at most the maximum; None without a usable preference (RFC 7240)."""
    for header in request.headers.getall("Prefer", []):
        for preference in header.split(","):
            match = _WAIT.match(preference.split(";")[0].strip())
            if match:
                return min(int(match[1]), api_of(request).limits.max_wait)
    return None


def service_key(request: web.Request) -> str:
    """The service key of the path in its canonical form.

    Raises:
        ProblemError: 404 for anything that is no UUID.
    """
    key = request.match_info["service_key"].lower()
    if not _SERVICE_KEY.fullmatch(key):
        raise ProblemError("not_found", "A service key is a UUID. Check the path.")
    return key


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list goes on, and how much is wanted. `after` None = from the beginning."""

    after: str | None
    limit: int


def page(request: web.Request, allowed: Sequence[str] = ()) -> Page:
    """`limit` and `cursor` of a list.

    Raises:
        ProblemError: 422 with `errors` for a bad or unknown parameter.
    """
    limits = api_of(request).limits
    errors: dict[str, dict[str, str]] = {}
    for name in request.query:
        if name not in ("limit", "cursor", *allowed):
            errors[name] = {"exists": "There is no such query parameter."}
        elif len(request.query.getall(name)) > 1:
            errors[name] = {"format": "Give this parameter once."}
    limit = _limit(request, limits.page_default, limits.page_max, errors)
    after = _decode_cursor(request.query.get("cursor"), errors)
    if errors:
        raise ProblemError("validation_failed", "Correct the query parameters in errors.", errors=errors)
    return Page(after, limit)


def _limit(request: web.Request, default: int, largest: int, errors: dict[str, dict[str, str]]) -> int:
    text = request.query.get("limit")
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= largest:
        errors["limit"] = {"valid": f"limit is a whole number from 1 to {largest}."}
        return default
    return int(text)


def one_of(request: web.Request, name: str, allowed: Iterable[str]) -> str | None:
    """A query parameter that knows only some words; None when it is not given.

    Raises:
        ProblemError: 422 with `errors`.
    """
    value, words = request.query.get(name), [str(word) for word in allowed]
    if value is not None and value not in words:
        errors = {name: {"valid": f"{name} is one of {', '.join(words)}."}}
        raise ProblemError("validation_failed", "Correct the query parameters in errors.", errors=errors)
    return value


def uuid_of(request: web.Request, name: str) -> str | None:
    """A query parameter that is a service key, in its canonical form; None when it is not given.

    Raises:
        ProblemError: 422 with `errors`.
    """
    value = request.query.get(name)
    if value is not None and not _SERVICE_KEY.fullmatch(value.lower()):
        errors = {name: {"format": f"{name} is a UUID."}}
        raise ProblemError("validation_failed", "Correct the query parameters in errors.", errors=errors)
    return None if value is None else value.lower()


def encode_cursor(position: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _decode_cursor(text: str | None, errors: dict[str, dict[str, str]]) -> str | None:
    if text is None:
        return None
    try:
        after = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        after = ""
    if not after:
        errors["cursor"] = {"format": "Use a cursor that the bridge gave, unchanged."}
    return after or None


def number_cursor(position: str | None) -> int:
    """A cursor that is a number; 0 at the beginning."""
    known = known_cursor(position, lambda text: re.fullmatch(r"[0-9]{1,18}", text) is not None)
    return 0 if known is None else int(known)


def service_cursor(position: str | None) -> str | None:
    """A cursor that is a service key."""
    return known_cursor(position, lambda text: _SERVICE_KEY.fullmatch(text) is not None)


def known_cursor(position: str | None, is_ours: Callable[[str], bool]) -> str | None:
    """The position, when the list could have given it.

    Raises:
        ProblemError: 422; an empty page would say that nothing is left to read.
    """
    if position is not None and not is_ours(position):
        raise ProblemError(
            "validation_failed",
            "Correct the query parameters in errors.",
            errors={"cursor": {"format": "Use a cursor that the bridge gave, unchanged."}},
        )
    return position
