"""What the stand-in can do wrong on request, its webhooks, and that it forgets nothing when it is killed."""

import json
import threading
import urllib.error
import uuid
from typing import Any

import pytest
from standardwebhooks import Webhook

from bridge.demo.stack import Answer
from tests.acceptance.life import until
from tests.integration.sandbox.conftest import SECRETS, MakeProvider, Provider, Receiver, order

CREATE = "POST /instances"


def _create(provider: Provider, key: str, body: Any) -> Answer | str:
    try:
        return provider.ask("POST", "/instances", body, key=key)
    except (urllib.error.URLError, ConnectionError):
        return "dropped"
    except ValueError:
        return "unreadable"


@pytest.mark.parametrize(
    ("fault", "seen", "effects"),
    [
        ({"kind": "drop_before"}, "dropped", 0),
        ({"kind": "drop_after"}, "dropped", 1),
        ({"kind": "error_before", "status": 500}, 500, 0),
        ({"kind": "error_after", "status": 502}, 502, 1),
        ({"kind": "throttle", "retry_after": 7}, 429, 0),
        ({"kind": "maintenance"}, 503, 0),
        ({"kind": "malformed"}, "unreadable", 1),
        ({"kind": "wrong_status", "status": 204}, 204, 1),
        ({"kind": "wrong_status", "status": 307}, 307, 1),
        ({"kind": "oversized", "bytes": 100_000}, 202, 1),
        ({"kind": "delay", "seconds": 0.1}, 202, 1),
    ],
)
def test_faults_strike_before_or_after_the_effect(
    provider: Provider, fault: dict[str, Any], seen: int | str, effects: int
) -> None:
    """Each shows as it should, has happened or not, and the same key afterwards gives the one right answer."""
    before = provider.effects("instance.create")
    provider.fault(endpoint=CREATE, count=1, **fault)
    body, key = order(), uuid.uuid4().hex
    first = _create(provider, key, body)
    assert (first if isinstance(first, str) else first.status) == seen
    if fault["kind"] == "throttle":
        assert isinstance(first, Answer)
        assert first.headers["retry-after"] == "7"
    assert provider.effects("instance.create") == before + effects
    second = _create(provider, key, body)
    assert isinstance(second, Answer)
    assert second.status == 202
    assert provider.effects("instance.create") == before + 1


def test_a_hanging_first_one_is_in_flight(provider: Provider) -> None:
    """While the first answer is on its way, the same key gets 409 `idempotency_key_in_flight` or the first answer."""
    provider.fault(endpoint=CREATE, kind="hang", count=1, seconds=1)
    body, key, answers = order(), uuid.uuid4().hex, []
    first = threading.Thread(target=lambda: answers.append(_create(provider, key, body)))
    first.start()
    until(lambda: provider.control("GET", "truth")["requests_by_key"].get(key))
    second = _create(provider, key, body)
    first.join()
    assert isinstance(second, Answer)
    if second.status == 409:
        assert (second.body["code"], second.headers["retry-after"]) == ("idempotency_key_in_flight", "1")
    else:
        assert second.headers["idempotent-replayed"] == "true"
    assert provider.control("GET", "truth")["requests_by_key"][key] == 2


def test_operations_that_fail_or_never_end(provider: Provider) -> None:
    """A failed create leaves a machine in `error`; a hanging operation keeps its machine busy."""
    provider.fault(endpoint=CREATE, kind="operation_fails", count=1, code="boom", retryable=True)
    done = provider.ended(provider.ask("POST", "/instances", order()))
    assert (done["status"], done["error"]["code"], done["error"]["retryable"]) == ("failed", "boom", True)
    assert provider.ask("GET", f"/instances/{done['instance_id']}").body["status"] == "error"
    provider.fault(endpoint=CREATE, kind="operation_hangs", count=1)
    hanging = provider.ask("POST", "/instances", order()).body["instance"]["id"]
    busy = provider.ask("POST", f"/instances/{hanging}/actions", {"action": "stop"})
    assert busy.body["code"] == "instance_busy"


def test_faults_by_count_and_probability(provider: Provider) -> None:
    """A rule strikes as often as it says; one of probability 0 never; both are listed and can be cleared."""
    provider.fault(endpoint="GET /plans", kind="error_before", count=2, status=500)
    provider.fault(endpoint="*", kind="error_before", probability=0)
    assert [provider.ask("GET", "/plans").status for _ in range(4)] == [500, 500, 200, 200]
    assert [rule["fired"] for rule in provider.control("GET", "faults")["items"]] == [2, 0]
    provider.control("DELETE", "faults")
    assert provider.control("GET", "faults")["items"] == []
    assert provider.control("POST", "faults", {"kind": "unheard of"})["code"] == "validation_failed"


def test_the_truth_counts(make_provider: MakeProvider) -> None:
    """What exists, what was begun and what was asked, for proofs."""
    provider = make_provider()
    machine = provider.machine()
    provider.volume(machine)
    truth = provider.control("GET", "truth")
    assert (truth["living"], truth["living_volumes"], truth["by_status"]) == (1, 1, {"running": 1})
    assert truth["effects"] == {"instance.create": 1, "volume.create": 1}
    asked = [entry["method"] for entry in provider.control("GET", "requests")["items"]]
    assert asked.count("POST") == 2


# ---- webhooks -------------------------------------------------------------------------------------------------------


def _aim(provider: Provider, receiver: Receiver, *secrets: str) -> None:
    provider.control("PUT", "webhook", {"url": receiver.url, "secrets": list(secrets or SECRETS[:1])})


def test_webhooks_are_signed_and_never_hold_a_password(
    make_provider: MakeProvider, receiver: Receiver
) -> None:
    """Standard Webhooks with both secrets of a rotation; operation and machine are told, without the result."""
    provider = make_provider()
    _aim(provider, receiver, *SECRETS)
    provider.machine()
    until(lambda: receiver.of("operation.succeeded") and receiver.of("instance.updated"))
    for headers, body, _ in receiver.taken:
        assert len(headers["webhook-signature"].split(" ")) == 2
        for secret in SECRETS:
            Webhook(secret).verify(body, headers)
        assert json.loads(body)["data"].get("result") is None
    ids = [headers["webhook-id"] for headers, _, _ in receiver.taken]
    assert len(ids) == len(set(ids))


def test_an_undelivered_webhook_is_tried_again_until_it_is_taken(
    make_provider: MakeProvider, receiver: Receiver
) -> None:
    """Same id and body, a fresh timestamp and signature, until a 2xx; 410 stops it."""
    provider = make_provider("--webhook-speed", "100")
    receiver.statuses = [500, 302]
    _aim(provider, receiver)
    provider.fault(kind="lost", types=["instance.updated", "operation.progress"])
    provider.machine()
    until(lambda: len(receiver.of("operation.succeeded")) == 3)
    tries = receiver.of("operation.succeeded")
    assert [status for _, _, status in tries] == [500, 302, 204]
    assert len({headers["webhook-id"] for headers, _, _ in tries}) == 1
    assert len({body for _, body, _ in tries}) == 1
    until(lambda: provider.control("GET", "truth")["undelivered"] == 0)
    receiver.statuses = [410]
    provider.machine()
    until(lambda: len(receiver.of("operation.succeeded")) == 4)
    until(lambda: provider.control("GET", "truth")["undelivered"] == 0)


@pytest.mark.parametrize(("kind", "attempts"), [("lost", 0), ("double", 2), ("bad_signature", 1)])
def test_webhooks_can_go_wrong(
    make_provider: MakeProvider, receiver: Receiver, kind: str, attempts: int
) -> None:
    """Lost, doubled, or badly signed: what arrives of the end of an operation."""
    provider = make_provider()
    _aim(provider, receiver)
    provider.fault(kind=kind, types=["operation.succeeded"], count=1)
    provider.machine()
    until(lambda: receiver.of("instance.updated"))
    until(lambda: len(receiver.of("operation.succeeded")) == attempts)
    if kind == "bad_signature":
        ((headers, body, _),) = receiver.of("operation.succeeded")
        with pytest.raises(Exception, match="signature"):
            Webhook(SECRETS[0]).verify(body, headers)


def test_a_webhook_may_come_before_the_answer(make_provider: MakeProvider, receiver: Receiver) -> None:
    """`early`: the end is told before the request that began it is answered."""
    provider = make_provider("--speed", "1")
    _aim(provider, receiver)
    provider.fault(kind="early", types=["instance.create"], count=1)
    provider.ask("POST", "/instances", order())
    assert len(receiver.of("operation.succeeded")) == 1


# ---- the state file -------------------------------------------------------------------------------------------------


def test_the_state_outlives_kill_9(make_provider: MakeProvider, receiver: Receiver) -> None:
    """Machines, remembered answers, unfinished operations and undelivered webhooks are taken up by the next process."""
    provider = make_provider("--durable", "--webhook-speed", "50")
    body, key = order(), uuid.uuid4().hex
    _aim(provider, receiver)
    machine = provider.machine()
    provider.control("PUT", "options", {"speed": 1})
    first = provider.ask("POST", "/instances", body, key=key)
    provider.kill()
    receiver.taken.clear()
    provider.start()
    assert provider.ask("GET", f"/instances/{machine}").body["status"] == "running"
    again = provider.ask("POST", "/instances", body, key=key)
    assert (again.body, again.headers["idempotent-replayed"]) == (first.body, "true")
    assert provider.ended(first)["status"] == "succeeded"
    assert provider.effects("instance.create") == 2
    until(lambda: receiver.of("operation.succeeded"))
    taken = provider.ask("POST", "/instances", order(reference=body["reference"]))
    assert taken.body["code"] == "reference_exists"
