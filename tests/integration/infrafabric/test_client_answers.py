"""What each kind of answer means, by the provider's page and the orphan-mitigation table."""

import json
from typing import Any

import pytest

from bridge.domain import provider as p
from bridge.infrafabric.settings import ClientSettings
from tests.integration.infrafabric.conftest import API_KEY, MakeBench
from tests.integration.infrafabric.scripted import (
    Step,
    endless,
    instance,
    not_http,
    operation,
    problem,
    raw,
    says,
    taken,
)

REBOOT = p.ActOnInstance(instance_id="ins_1", verb="reboot")
ONCE = ClientSettings(attempts=1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("asking", [False, True])
async def test_F8_decided_provider_answers_a_redirect_is_a_definite_no(
    bench: MakeBench, status: int, asking: bool
) -> None:
    """Wherever it points, nothing goes there: neither the key nor the request."""
    elsewhere = await bench(otherwise=taken())
    one = await bench(otherwise=says(status, {}, Location=elsewhere.server.url + "/instances/ins_1"))
    with pytest.raises(p.Refused) as refused:
        await (one.client.instance("ins_1") if asking else one.client.execute(REBOOT, "k"))
    assert refused.value.status == status
    assert len(one.server.seen) == 1
    assert elsewhere.server.seen == []


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (problem(400, "malformed"), "malformed"),
        (problem(401, "unauthorized"), "unauthorized"),
        (problem(403, "forbidden"), "forbidden"),
        (problem(404, "not_found"), "not_found"),
        (problem(409, "instance_suspended"), "instance_suspended"),
        (problem(409, "instance_error"), "instance_error"),
        (problem(409, "instance_deleted"), "instance_deleted"),
        (problem(409, "primary_address"), "primary_address"),
        (problem(422, "disk_shrink"), "disk_shrink"),
        (problem(422, "idempotency_key_reused"), "idempotency_key_reused"),
        (problem(507, "no_capacity"), "no_capacity"),
        (problem(507, "no_addresses"), "no_addresses"),
        (says(418), "http_418"),
    ],
)
async def test_a_definite_no_is_said_once(bench: MakeBench, step: Step, code: str) -> None:
    """4xx and 507 mean that nothing was made: one send, and the provider's own code."""
    one = await bench(otherwise=step)
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    assert refused.value.code == code
    assert len(one.server.seen) == 1


async def test_a_507_does_not_count_against_the_provider_s_health(bench: MakeBench) -> None:
    """No capacity, however often, is an answer of a provider that works: the breaker stays closed."""
    one = await bench(otherwise=problem(507, "no_capacity"))
    for _ in range(20):
        with pytest.raises(p.Refused):
            await one.client.execute(REBOOT, "k")
    assert one.gate.breaker.state == "closed"


async def test_field_errors_are_handed_on(bench: MakeBench) -> None:
    """What InfraFabric says about fields arrives with its fields and rules."""
    errors = {"plan": {"exists": "no such plan"}}
    one = await bench(problem(422, "validation_failed", detail="No.", errors=errors))
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    assert refused.value.errors == errors
    assert refused.value.detail == "No."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"<html>Bad gateway</html>",
        b"\xff\xfe",
        b'{"operation": NaN}',
        b"[" * 100_000,
        json.dumps({"instance": instance()}).encode(),
        json.dumps({"operation": operation(id=7)}).encode(),
        json.dumps({"operation": operation(id="../x")}).encode(),
        json.dumps({"operation": operation(id="op_1\x00")}).encode(),
        json.dumps({"operation": operation(status="done")}).encode(),
        json.dumps({"operation": operation(progress=101)}).encode(),
        json.dumps({"operation": operation(), "instance": instance(status="exploded")}).encode(),
        json.dumps({"operation": operation(), "instance": instance(version=-1)}).encode(),
        json.dumps({"operation": operation(), "instance": instance(hostname="\ud800")}).encode(),
    ],
)
@pytest.mark.parametrize("status", [200, 202])
async def test_F9_a_yes_that_cannot_be_read_may_have_worked(
    bench: MakeBench, content: bytes, status: int
) -> None:
    """Bad JSON or a wrong schema in a 2xx is silence (it may have taken effect), and is not sent again in place."""
    one = await bench(otherwise=raw(content, status))
    with pytest.raises(p.NoAnswer):
        await one.client.execute(REBOOT, "k")
    assert len(one.server.seen) == 1


@pytest.mark.parametrize("status", [204, 206, 226, 500, 502, 503, 504, 599])
async def test_another_2xx_or_a_5xx_leaves_it_open(bench: MakeBench, status: int) -> None:
    """What is neither the documented yes nor a no may have taken effect."""
    one = await bench(otherwise=says(status), client=ONCE)
    with pytest.raises(p.NoAnswer):
        await one.client.execute(REBOOT, "k")


async def test_something_that_is_no_http_leaves_it_open(bench: MakeBench) -> None:
    """The request has left, so nobody can say that it did not work."""
    one = await bench(otherwise=not_http, client=ONCE)
    with pytest.raises(p.NoAnswer):
        await one.client.execute(REBOOT, "k")
    assert [call[2] for call in one.calls] == ["invalid_http"]


@pytest.mark.parametrize("status", [200, 422, 500])
async def test_F9_an_answer_above_the_limit_is_not_read_to_the_end(bench: MakeBench, status: int) -> None:
    """More than the limit is cut off, whatever the status says, with a Content-Length or without one."""
    limit = {"answer_limit": 10_000}
    one = await bench(otherwise=raw(b"x" * 20_000, status), client=ONCE, transport=limit)
    with pytest.raises(p.NoAnswer, match="10000 bytes"):
        await one.client.execute(REBOOT, "k")
    two = await bench(otherwise=endless(b"x" * 1000, 1000), transport=limit)
    with pytest.raises(p.NoAnswer, match="10000 bytes"):
        await two.client.execute(REBOOT, "k")
    assert len(two.server.seen) == 1


async def test_members_unknown_or_null_do_no_harm(bench: MakeBench) -> None:
    """InfraFabric may add members, and an explicit null is the same as none."""
    answer = {
        "operation": operation(new="thing", result=None, progress=None),
        "instance": instance(new={"deep": [1]}, plan=None, labels=None, firewall=None),
    }
    one = await bench(says(202, answer))
    accepted = await one.client.execute(REBOOT, "k")
    assert accepted.instance is not None
    assert (accepted.instance.plan, accepted.instance.labels) == (None, {})


async def test_a_refusal_that_quotes_the_account_s_key_does_not_spread_it(bench: MakeBench) -> None:
    """A provider that repeats the Authorization header in its error does not get the key into stored texts."""
    one = await bench(otherwise=problem(401, "unauthorized", detail=f"Key {API_KEY} is unknown."))
    for ask in (one.client.execute(REBOOT, "k"), one.client.instance("ins_1")):
        with pytest.raises(p.Refused) as refused:
            await ask
        assert API_KEY not in refused.value.detail
        assert API_KEY not in str(refused.value)


@pytest.mark.parametrize(
    "members",
    [
        {"code": API_KEY},
        {"title": f"bad key {API_KEY}"},
        {"errors": {"key": {"valid": f"{API_KEY} is unknown"}}},
        {"errors": {API_KEY: {"valid": "x"}}},
        {"instance_id": API_KEY},
    ],
)
async def test_no_member_of_a_refusal_spreads_the_account_s_key(bench: MakeBench, members: Any) -> None:
    """Wherever in the problem document the key is quoted, nothing of it is left in what the engine stores."""
    document = {"code": "validation_failed", **members}
    one = await bench(otherwise=says(422, document))
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    said = refused.value
    assert API_KEY not in repr([said.args, said.detail, said.code, said.errors, said.instance_id])


@pytest.mark.parametrize(
    "body", [[], "no", {"code": 7, "detail": ["x"], "errors": "y"}, {"errors": {"a": 1}}]
)
async def test_a_problem_that_is_none_is_still_a_refusal(bench: MakeBench, body: Any) -> None:
    """Wrong-typed members of an error document are left out, not believed and not fatal (D1)."""
    one = await bench(otherwise=says(422, body))
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    assert refused.value.status == 422
    assert refused.value.errors in ({}, {"a": {}})


async def test_a_problem_s_text_is_one_short_printable_line(bench: MakeBench) -> None:
    """Newlines and control characters of the provider cannot reach logs, pages or terminals."""
    one = await bench(otherwise=problem(422, "bad", detail="a\nb\x1b[31m\x00" + "c" * 5000))
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    assert refused.value.detail.isprintable()
    assert len(refused.value.detail) <= 500


async def test_a_failed_operation_does_not_spread_the_account_s_key(bench: MakeBench) -> None:
    """Why an operation failed is stored and shown; a key quoted in it is not."""
    failed = operation(status="failed", error={"code": "internal", "message": f"{API_KEY} broke"})
    one = await bench(says(200, failed), says(202, {"operation": failed, "instance": instance()}))
    found = await one.client.operation("op_1")
    accepted = await one.client.execute(REBOOT, "k")
    assert "broke" in repr(found)
    assert "broke" in repr(accepted)
    assert API_KEY not in repr([found, accepted])
