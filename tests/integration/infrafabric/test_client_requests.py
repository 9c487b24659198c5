"""What the client puts on the wire, compared with InfraFabric's page and not with the client's own models."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.domain import provider as p
from tests.integration.infrafabric.conftest import API_KEY, MakeBench
from tests.integration.infrafabric.scripted import (
    breaks,
    hangs,
    instance,
    not_http,
    operation,
    problem,
    raw,
    says,
    taken,
    volume,
)

I = "ins_1"  # noqa: E741
_CREATE = p.CreateInstance(
    reference="inst:c1:key",
    type="vps",
    hostname="a.example",
    datacenter="fra1",
    image="debian-12",
    plan="vps-1",
    ssh_keys=("ssh-ed25519 AAAA",),
    expires_at=datetime(2026, 2, 1, 12, tzinfo=UTC),
    labels={"bridge": "inst:c1"},
)
_RULE = p.FirewallRule(direction="in", action="accept", protocol="tcp", ports="22", comment="ssh")

COMMANDS: list[tuple[p.Command, str, str, Any]] = [
    (
        _CREATE,
        "POST",
        "/v1/instances",
        {
            "reference": "inst:c1:key",
            "type": "vps",
            "hostname": "a.example",
            "datacenter": "fra1",
            "image": "debian-12",
            "plan": "vps-1",
            "ssh_keys": ["ssh-ed25519 AAAA"],
            "expires_at": "2026-02-01T12:00:00Z",
            "labels": {"bridge": "inst:c1"},
        },
    ),
    (p.UpdateInstance(instance_id=I, cpus=2), "PATCH", "/v1/instances/ins_1", {"cpus": 2}),
    (p.DeleteInstance(instance_id=I), "DELETE", "/v1/instances/ins_1?delete_volumes=true", None),
    *(
        (
            p.ActOnInstance(instance_id=I, verb=verb),
            "POST",
            "/v1/instances/ins_1/actions",
            {"action": verb},
        )
        for verb in ("suspend", "resume", "start", "stop", "reboot", "reset_password")
    ),
    (
        p.ActOnInstance(instance_id=I, verb="reinstall", image="debian-13", ssh_keys=()),
        "POST",
        "/v1/instances/ins_1/actions",
        {"action": "reinstall", "image": "debian-13", "ssh_keys": []},
    ),
    (
        p.ActOnInstance(instance_id=I, verb="renew", expires_at=datetime(2026, 3, 1, tzinfo=UTC)),
        "POST",
        "/v1/instances/ins_1/actions",
        {"action": "renew", "expires_at": "2026-03-01T00:00:00Z"},
    ),
    (
        p.AddAddress(instance_id=I, family="ipv6"),
        "POST",
        "/v1/instances/ins_1/addresses",
        {"family": "ipv6"},
    ),
    (
        p.RemoveAddress(instance_id=I, address_id="ip_1"),
        "DELETE",
        "/v1/instances/ins_1/addresses/ip_1",
        None,
    ),
    (
        p.SetReverseDns(instance_id=I, address_id="ip_1", reverse_dns="a.example"),
        "PATCH",
        "/v1/instances/ins_1/addresses/ip_1",
        {"reverse_dns": "a.example"},
    ),
    (
        p.SetFirewall(instance_id=I, rules=(_RULE,)),
        "PUT",
        "/v1/instances/ins_1/firewall",
        {
            "rules": [
                {
                    "direction": "in",
                    "action": "accept",
                    "protocol": "tcp",
                    "ports": "22",
                    "cidrs": [],
                    "comment": "ssh",
                }
            ]
        },
    ),
    (
        p.CreateVolume(instance_id=I, name="data", size_gb=10, datacenter="fra1", labels={"a": "b"}),
        "POST",
        "/v1/volumes",
        {"instance_id": I, "name": "data", "size_gb": 10, "datacenter": "fra1", "labels": {"a": "b"}},
    ),
    (p.ResizeVolume(volume_id="vol_1", size_gb=20), "PATCH", "/v1/volumes/vol_1", {"size_gb": 20}),
    (p.DetachVolume(volume_id="vol_1"), "POST", "/v1/volumes/vol_1/actions", {"action": "detach"}),
    (p.DeleteVolume(volume_id="vol_1"), "DELETE", "/v1/volumes/vol_1", None),
]


@pytest.mark.parametrize(("command", "method", "target", "body"), COMMANDS)
async def test_each_command_is_the_documented_request(
    bench: MakeBench, command: p.Command, method: str, target: str, body: Any
) -> None:
    """Every command becomes one request as InfraFabric documents it, with the account's key and one key of its own."""
    answer = {
        "operation": operation(),
        "instance": instance(reference="inst:c1:key"),
        "volume": volume(),
    }
    one = await bench(says(202, answer))
    await one.client.execute(command, "op_7:main:1")
    (seen,) = one.server.seen
    assert (seen.method, seen.target, seen.keys) == (method, target, ("op_7:main:1",))
    assert seen.headers["authorization"] == f"Bearer {API_KEY}"
    assert (seen.json if seen.body else None) == body
    assert ("content-type" in seen.headers) == (body is not None)


@pytest.mark.parametrize("silence", [breaks, not_http, says(500), says(502), raw(b"", 503)])
@pytest.mark.parametrize("command", [_CREATE, p.SetFirewall(instance_id=I, rules=(_RULE,))])
async def test_B11_what_is_sent_again_is_the_same_request_to_the_byte(
    bench: MakeBench, command: p.Command, silence: Any
) -> None:
    """After silence the same key, target and bytes are sent, so that the provider's check sees one request."""
    ok = says(202, {"operation": operation(), "instance": instance(reference="inst:c1:key")})
    one = await bench(silence, silence, ok)
    await one.client.execute(command, "k")
    first, *others = one.server.seen
    assert len(others) == 2
    for again in others:
        assert (again.method, again.target, again.keys) == (first.method, first.target, ("k",))
        assert again.body == first.body


async def test_B11_a_command_read_back_from_the_store_is_the_same_bytes(bench: MakeBench) -> None:
    """An intent that went through JSON, as it does when the process dies, makes the same request to the byte."""
    ok = says(202, {"operation": operation(), "instance": instance(reference="inst:c1:key")})
    one = await bench(otherwise=ok)
    stored = json.dumps(_CREATE.model_dump(mode="json"))
    await one.client.execute(_CREATE, "k")
    await one.client.execute(p.COMMANDS.validate_python(json.loads(stored)), "k")
    first, second = one.server.seen
    assert first.body == second.body


async def test_a_question_carries_no_idempotency_key(bench: MakeBench) -> None:
    """Only what changes something is remembered by the provider; a GET must never be answered from its memory."""
    one = await bench(says(200, operation()), says(200, instance()), says(200, {"items": []}))
    await one.client.operation("op_1")
    await one.client.instance(I)
    await one.client.instances_by_reference("r")
    assert [seen.keys for seen in one.server.seen] == [(), (), ()]
    assert [seen.target for seen in one.server.seen] == [
        "/v1/operations/op_1",
        "/v1/instances/ins_1",
        "/v1/instances?limit=200&reference=r",
    ]


@pytest.mark.parametrize("hostile", ["../admin", "a/b", "a?b=c", "a#b", "..", ".", "ü", "%2e%2e"])
async def test_an_id_cannot_leave_its_place_in_the_path(bench: MakeBench, hostile: str) -> None:
    """Whatever an id contains, it stays one segment of the path and reaches no other endpoint."""
    one = await bench(otherwise=problem(404, "not_found"))
    assert await one.client.operation(hostile) is None
    (seen,) = one.server.seen
    assert seen.target.startswith("/v1/operations/")
    assert seen.target.count("/") == 3
    assert not {"?", "#"} & set(seen.target)
    assert seen.target.removeprefix("/v1/operations/") not in ("..", ".")


async def test_decided_callbacks_a_password_is_only_believed_from_its_own_get(bench: MakeBench) -> None:
    """A password in the answer to a mutation is left out; the one of GET /operations/{id} is taken."""
    with_password = operation(status="succeeded", result={"root_password": "hunter2-hunter2"})
    one = await bench(
        says(202, {"operation": with_password, "instance": instance()}), says(200, with_password)
    )
    accepted = await one.client.execute(p.ActOnInstance(instance_id=I, verb="reset_password"), "k")
    assert accepted.operation is not None
    assert accepted.operation.root_password is None
    found = await one.client.operation("op_1")
    assert found is not None
    assert found.root_password == "hunter2-hunter2"


async def test_all_pages_of_a_list_are_read(bench: MakeBench) -> None:
    """A machine on the third page is found, and what the filter let through by mistake is left out."""
    pages = [
        says(
            200,
            {"items": [instance(id="ins_1"), instance(id="ins_x", reference="other")], "next_cursor": "2"},
        ),
        says(200, {"items": [instance(id="ins_2", status="deleted")], "next_cursor": "3"}),
        says(200, {"items": [instance(id="ins_3")], "next_cursor": None}),
    ]
    one = await bench(*pages)
    found = await one.client.instances_by_reference("r")
    assert [machine.id for machine in found] == ["ins_1", "ins_3"]
    assert [seen.target.partition("cursor=")[2][:1] for seen in one.server.seen] == ["", "2", "3"]


async def test_a_list_that_runs_in_a_circle_ends(bench: MakeBench) -> None:
    """A provider that gives the same cursor for ever is not asked for ever, and nothing is concluded from it."""
    one = await bench(otherwise=says(200, {"items": [], "next_cursor": "1"}))
    with pytest.raises(p.NoAnswer, match="circle"):
        await one.client.instances_by_reference("r")
    assert len(one.server.seen) == 2


async def test_F9_an_answer_about_another_object_is_not_believed(bench: MakeBench) -> None:
    """An operation, machine or acceptance with another id or reference than asked for counts as no answer."""
    one = await bench(
        says(200, operation(id="op_2")),
        says(200, instance(id="ins_2")),
        taken(instance_id="ins_2"),
        says(202, {"operation": operation(), "instance": instance(reference="somebody else's")}),
    )
    with pytest.raises(p.NoAnswer):
        await one.client.operation("op_1")
    with pytest.raises(p.NoAnswer):
        await one.client.instance(I)
    with pytest.raises(p.NoAnswer):
        await one.client.execute(p.ActOnInstance(instance_id=I, verb="reboot"), "k")
    with pytest.raises(p.NoAnswer):
        await one.client.execute(_CREATE, "k")
    assert len(one.server.seen) == 4


async def test_a_404_that_is_not_the_provider_s_own_is_no_evidence(bench: MakeBench) -> None:
    """A bare 404, as a proxy or a wrong base URL gives it, must not make the bridge believe that a machine is gone."""
    one = await bench(says(404), problem(404, "not_found"))
    with pytest.raises(p.NoAnswer):
        await one.client.instance(I)
    assert await one.client.instance(I) is None


async def test_E2_every_send_is_told_to_the_metrics_by_its_template(bench: MakeBench) -> None:
    """The observer gets method, route template, status or kind of error, and seconds; never a raw path."""
    one = await bench(breaks, says(503), says(200, instance()), transport={"request_timeout": 0.3})
    await one.client.instance(I)
    one.server.script = [hangs, hangs, hangs]
    with pytest.raises(p.NoAnswer):
        await one.client.operation("op_1")
    assert [call[:3] for call in one.calls] == [
        ("GET", "/instances/{id}", "disconnected"),
        ("GET", "/instances/{id}", 503),
        ("GET", "/instances/{id}", 200),
        *[("GET", "/operations/{id}", "timeout")] * 3,
    ]
