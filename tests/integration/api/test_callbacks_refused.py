"""Callbacks that are not what they claim to be (requirements C1 to C11): refused, and nothing is stored."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from bridge.demo.stack import CONNECTION
from tests.integration.api.callbacks import JSON, changed, event, message, post
from tests.integration.api.conftest import SECRET, World, assert_problem


def test_c1_a_changed_byte_is_noticed(unchanged: World) -> None:
    """The signature is over the bytes as received, not over what they mean."""
    raw = event()
    headers = message(unchanged.stack, raw)
    assert_problem(post(unchanged.stack, raw + b" ", headers), 401, "signature_invalid")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_c1_each_header_is_needed_once(unchanged: World, name: str) -> None:
    """A missing one and a repeated one are both refused."""
    raw = event()
    headers = message(unchanged.stack, raw)
    without = [(n, v) for n, v in headers if n != name]
    assert_problem(post(unchanged.stack, raw, without), 400)
    assert_problem(post(unchanged.stack, raw, [*headers, *(h for h in headers if h[0] == name)]), 400)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "v1",
        "v1,",
        "v1,!!!!",
        "v1,YWJj",
        "v1," + "A" * 44,
        "v0,abc",
        "abc",
        "v1,\xff",
        "v1," + "A" * 7000,
        " ".join(["v1,YWJj"] * 200),
    ],
)
def test_c2_malformed_signatures_are_refused(unchanged: World, signature: str) -> None:
    """Junk of every kind is a 4xx, never a 5xx."""
    raw = event()
    headers = changed(message(unchanged.stack, raw), "webhook-signature", signature)
    answer = post(unchanged.stack, raw, headers)
    assert 400 <= answer.status < 500
    assert_problem(answer, answer.status)


@pytest.mark.parametrize("secret", ["", "abc", "whsec_", "whsec_!!!", "whsec_YWJj", "whsec_" + "A" * 120])
def test_c3_weak_secrets_are_refused_at_the_connection(unchanged: World, secret: str) -> None:
    """A secret that protects nothing never becomes one."""
    answer = unchanged.stack.api(
        "PUT",
        f"/v1/connections/{CONNECTION}",
        {"webhook_secrets": [secret]},
        key=unchanged.stack.operator_key,
    )
    assert_problem(answer, 422, "validation_failed")


@pytest.mark.parametrize(
    "stamp", ["", "0", "-1", "1.5", "01", " 1", "1e9", "abc", "99999999999999999999", "٣"]
)
def test_c6_a_timestamp_is_plain_digits(unchanged: World, stamp: str) -> None:
    """Floats, padding, signs and other digits are refused before anything is compared."""
    raw = event()
    headers = changed(message(unchanged.stack, raw), "webhook-timestamp", stamp.encode().decode("latin-1"))
    assert_problem(post(unchanged.stack, raw, headers), 400)


@pytest.mark.parametrize("seconds", [-310, 310, -86_400, 86_400])
def test_c6_a_timestamp_counts_for_five_minutes(unchanged: World, seconds: int) -> None:
    """Too old and too early are both refused, with a good signature."""
    raw, name = event(), "msg_1"
    at = datetime.fromtimestamp(time.time() + seconds, UTC)
    signature = Webhook(unchanged.stack.secret).sign(name, at, raw.decode())
    stamp = ("webhook-timestamp", str(int(at.timestamp())))
    headers = [JSON, ("webhook-id", name), stamp, ("webhook-signature", signature)]
    assert_problem(post(unchanged.stack, raw, headers), 400, "timestamp_invalid")


@pytest.mark.parametrize("name", ["a.1", ".", "a b", "", "x" * 256, "\xe4"])
def test_c6_an_id_has_no_dot(unchanged: World, name: str) -> None:
    """A dot would move the border between the parts that are signed."""
    raw = event()
    headers = changed(message(unchanged.stack, raw), "webhook-id", name)
    assert_problem(post(unchanged.stack, raw, headers), 400)


@pytest.mark.parametrize("raw", [b"[1]", b"7", b'"x"', b"nonsense", b'{"type": NaN}', b""])
def test_c9_signed_bytes_that_are_no_object_are_refused(unchanged: World, raw: bytes) -> None:
    """Nothing can be read there, so nothing is stored."""
    assert_problem(post(unchanged.stack, raw, message(unchanged.stack, raw)), 400, "malformed")


def test_c9_decided_callbacks_an_unknown_connection_looks_like_a_bad_signature(unchanged: World) -> None:
    """Never 410, which would make the sender stop for good."""
    raw = event()
    path = "/v1/callbacks/infrafabric/nowhere"
    assert_problem(post(unchanged.stack, raw, message(unchanged.stack, raw), path), 401, "signature_invalid")


def test_c3_another_connection_s_secret_signs_nothing_here(unchanged: World) -> None:
    """Good where it belongs, it is worth nothing at the neighbour's address."""
    raw = event()
    headers = message(unchanged.stack, raw, secret=SECRET)
    assert_problem(post(unchanged.stack, raw, headers), 401, "signature_invalid")


def test_c11_a_large_body_is_refused_before_it_is_hashed(unchanged: World) -> None:
    """A quarter of a megabyte is far more than an event."""
    raw = json.dumps({"type": "x", "data": {"x": "y" * 300_000}}).encode()
    assert_problem(post(unchanged.stack, raw, message(unchanged.stack, raw)), 413, "too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_c11_only_json_is_read(unchanged: World, kind: str) -> None:
    """Another content type is refused, however well it is signed."""
    raw = event()
    headers = changed(message(unchanged.stack, raw), "Content-Type", kind)
    assert_problem(post(unchanged.stack, raw, headers), 415, "unsupported_media_type")


NOT_UTF8 = [b"\xff\xfe", b'{"type": "\xff"}', b'{"type": "x", "data": {"id": "\xc3"}}']


@pytest.mark.parametrize("raw", NOT_UTF8)
def test_c11_unsigned_bytes_that_are_no_utf8_are_refused(unchanged: World, raw: bytes) -> None:
    """The signature is checked before anybody tries to read them."""
    headers = changed(message(unchanged.stack, b"{}"), "webhook-signature", "v1," + "A" * 43 + "=")
    assert_problem(post(unchanged.stack, raw, headers), 401, "signature_invalid")


@pytest.mark.parametrize("raw", NOT_UTF8)
def test_c11_signed_bytes_that_are_no_utf8_are_refused(unchanged: World, raw: bytes) -> None:
    """Authentic and unreadable is a 400, never a 5xx; the public library signs text only, so this signs itself."""
    headers = message(unchanged.stack, b"{}")
    said = dict(headers)
    key = base64.b64decode(unchanged.stack.secret.removeprefix("whsec_"))
    signed = f"{said['webhook-id']}.{said['webhook-timestamp']}.".encode() + raw
    digest = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    headers = changed(headers, "webhook-signature", f"v1,{digest}")
    assert_problem(post(unchanged.stack, raw, headers), 400, "malformed")
