"""Authentic callbacks (requirements C1 to C11): taken once, in any order, and of effect only where they make sense."""

import base64
import secrets
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from bridge.demo.stack import Stack
from tests.acceptance.life import order
from tests.integration.api.callbacks import changed, event, message, post
from tests.integration.api.conftest import assert_problem


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Processes of its own: here something is meant to change."""
    with Stack(tmp_path_factory.mktemp("stack"), speed=50) as running:
        yield running


def counted(stack: Stack, start: str) -> float:
    """The sum of all samples of a metric that begin so."""
    request = urllib.request.Request(
        f"{stack.bridge_url}/metrics", headers={"Authorization": f"Bearer {stack.operator_key}"}
    )
    with urllib.request.urlopen(request) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


# ---- authentic or not -----------------------------------------------------------------------------------------------


def test_c1_what_the_public_library_signs_is_authentic(stack: Stack) -> None:
    """Id, timestamp and the raw bytes are what is signed."""
    raw = event()
    assert post(stack, raw, message(stack, raw)).status == 204


def test_c2_one_good_signature_among_others_is_enough(stack: Stack) -> None:
    """Unknown versions and other secrets' signatures are skipped."""
    raw = event()
    headers = message(stack, raw)
    good = dict(headers)["webhook-signature"]
    other = Webhook("whsec_" + base64.b64encode(bytes(32)).decode()).sign("x", datetime.now(UTC), "y")
    assert post(stack, raw, changed(headers, "webhook-signature", f"v9,abc {other} {good}")).status == 204


@pytest.fixture
def two_secrets(stack: Stack) -> Iterator[str]:
    """A second secret that is valid, too, as during a rotation."""
    fresh = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    stack.put_connection(webhook_secrets=[stack.secret, fresh])
    yield fresh
    stack.put_connection(webhook_secrets=[stack.secret])


def test_c4_during_a_rotation_both_secrets_are_good(stack: Stack, two_secrets: str) -> None:
    """The old one, the new one, and both at once."""
    for secret in (stack.secret, two_secrets):
        raw = event()
        assert post(stack, raw, message(stack, raw, secret=secret)).status == 204


def test_c4_after_a_rotation_the_old_secret_is_worth_nothing(stack: Stack, two_secrets: str) -> None:
    """What was taken out of the list signs nothing any more."""
    stack.put_connection(webhook_secrets=[stack.secret])
    raw = event()
    assert_problem(post(stack, raw, message(stack, raw, secret=two_secrets)), 401, "signature_invalid")


def test_c7_a_repetition_is_taken_without_effect(stack: Stack) -> None:
    """The same id again is a 2xx, also with another body: the first one counts."""
    raw, name = event(), f"msg_{uuid.uuid4().hex}"
    before = counted(stack, 'infrafabric_bridge_callbacks_total{outcome="duplicate"')
    for _ in range(3):
        assert post(stack, raw, message(stack, raw, message_id=name)).status == 204
    other = event("instance.deleted")
    assert post(stack, other, message(stack, other, message_id=name)).status == 204
    assert counted(stack, 'infrafabric_bridge_callbacks_total{outcome="duplicate"') == before + 3


def test_c7_a_known_id_has_no_effect_with_news_either(stack: Stack) -> None:
    """News under an id that was taken already change nothing; the same news under a new id do."""
    key, name = str(uuid.uuid4()), f"msg_{uuid.uuid4().hex}"
    machine = stack.act(key, "create", order(), wait=30).body["service"]["instance_id"]
    truth = next(i for i in stack.truth()["instances"] if i["id"] == machine)
    first, news = event(), event("instance.updated", **truth | {"version": 90, "hostname": "new.example"})
    steps = ((first, name, "one.example"), (news, name, "one.example"), (news, None, "new.example"))
    for raw, message_id, shown in steps:
        assert post(stack, raw, message(stack, raw, message_id=message_id)).status == 204
        assert stack.api("GET", f"/v1/services/{key}").body["hostname"] == shown


def test_c9_decided_callbacks_unknown_types_are_taken_and_counted(stack: Stack) -> None:
    """Otherwise InfraFabric would repeat them for days."""
    before = counted(stack, 'infrafabric_bridge_callbacks_total{outcome="ignored"')
    raw = event("moon.landed")
    assert post(stack, raw, message(stack, raw)).status == 204
    assert counted(stack, 'infrafabric_bridge_callbacks_total{outcome="ignored"') == before + 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "operation.failed", "data": null}',
        b'{"type": "operation.failed"}',
        b'{"data": {}}',
        b"{}",
        b'{"type": "instance.updated", "data": {"id": 7}}',
        b'{"type": 5, "data": []}',
    ],
)
def test_c9_decided_callbacks_signed_nonsense_is_taken_without_effect(stack: Stack, body: bytes) -> None:
    """Authentic, and of no use: 2xx, and no service or operation changes."""
    before = stack.api("GET", "/v1/changes?limit=200").body["next_cursor"]
    assert post(stack, body, message(stack, body)).status == 204
    assert stack.api("GET", "/v1/changes?limit=200").body["next_cursor"] == before


def test_c10_older_news_than_what_is_known_changes_nothing(stack: Stack) -> None:
    """A machine's earlier version comes late; a newer one is followed."""
    key = str(uuid.uuid4())
    machine = stack.act(key, "create", order(), wait=30).body["service"]["instance_id"]
    truth = next(i for i in stack.truth()["instances"] if i["id"] == machine)
    for version, hostname, shown in ((0, "old.example", "one.example"), (90, "new.example", "new.example")):
        raw = event("instance.updated", **truth | {"version": version, "hostname": hostname})
        assert post(stack, raw, message(stack, raw)).status == 204
        assert stack.api("GET", f"/v1/services/{key}").body["hostname"] == shown


def test_c10_the_end_may_be_told_before_the_beginning_is_answered(stack: Stack) -> None:
    """A callback overtakes the 202 of the request that caused it."""
    stack.fault(kind="early", count=1, types=["instance.reboot"])
    key = str(uuid.uuid4())
    assert stack.act(key, "create", order(), wait=30).body["state"] == "succeeded"
    early = 'infrafabric_bridge_callbacks_total{outcome="early"'
    before = counted(stack, early)
    done = stack.act(key, "reboot", {}, wait=30)
    assert done.body["state"] == "succeeded"
    assert counted(stack, early) > before
    rebooted = [o for o in stack.truth()["operations"] if o["type"] == "instance.reboot"]
    assert sum(o["instance_id"] == done.body["service"]["instance_id"] for o in rebooted) == 1


def test_c14_without_a_secret_nothing_is_authentic(stack: Stack) -> None:
    """A connection that was never given one fails closed."""
    name = f"silent-{uuid.uuid4().hex[:8]}"
    settings = {"infrafabric_api_url": stack.sandbox_url, "infrafabric_api_key": "sandbox-key"}
    made = stack.api("PUT", f"/v1/connections/{name}", settings, key=stack.operator_key, actor=None)
    assert made.status == 201
    raw = event()
    path = f"/v1/callbacks/infrafabric/{name}"
    assert_problem(post(stack, raw, message(stack, raw), path), 401, "signature_invalid")
    assert stack.api("DELETE", f"/v1/connections/{name}", key=stack.operator_key).status == 204
