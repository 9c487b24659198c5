"""Reconcile with real processes: a shop, somebody at InfraFabric's own panel, and the command beside `serve`."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.stack import CONNECTION, SANDBOX_KEY, Stack, StackError
from tests.acceptance.conftest import active
from tests.acceptance.life import by_hand, until

POLICIES = (
    "missing_upstream",
    "orphan_upstream",
    "state_drift",
    "spec_drift",
    "expiry_drift",
    "leftover_volumes",
)


@pytest.fixture
def deaf(request: pytest.FixtureRequest, own_stack: Callable[..., Stack], kind: str) -> Stack:
    """A stack whose bridge gets no callbacks, on each kind of database."""
    url = {} if kind == "sqlite" else {"BRIDGE_DATABASE_URL": request.getfixturevalue("postgresql_url")}
    return own_stack(webhooks=False, environment=url)


def machine(stack: Stack, key: str) -> dict[str, Any]:
    """The machine of a service, as InfraFabric has it."""
    name = stack.api("GET", f"/v1/services/{key}").body["instance_id"]
    found: dict[str, Any] = by_hand(stack, "GET", f"/instances/{name}").body
    return found


def drift(stack: Stack, **options: Any) -> dict[str, str]:
    """What stands, as class by service key."""
    items = stack.api("GET", "/v1/drift", **options).body["items"]
    return {item["service_key"]: item["class"] for item in items}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_somebody_works_at_infrafabrics_own_panel(deaf: Stack) -> None:
    """Found by a dry run, recorded by a run, told to Blesta, mended by the running bridge once that is allowed."""
    stopped, grown, lost = (active(deaf) for _ in range(3))
    mark = machine(deaf, stopped)["reference"].rpartition(":")[0]
    stranger = str(uuid.uuid4())
    by_hand(deaf, "POST", f"/instances/{machine(deaf, stopped)['id']}/actions", {"action": "suspend"})
    by_hand(deaf, "PATCH", f"/instances/{machine(deaf, grown)['id']}", {"hostname": "other.example"})
    by_hand(deaf, "DELETE", f"/instances/{machine(deaf, lost)['id']}")
    order = {
        "type": "vps",
        "hostname": "x.example",
        "datacenter": "fra1",
        "image": "debian-12",
        "plan": "vps-1",
    }
    by_hand(deaf, "POST", "/instances", order | {"reference": f"{mark}:{stranger}"})
    until(lambda: machine(deaf, stopped)["status"] == "suspended")
    until(lambda: machine(deaf, grown)["hostname"] == "other.example")
    until(lambda: machine(deaf, lost)["status"] == "deleted")

    expected = {
        stopped: "state_drift",
        grown: "spec_drift",
        lost: "missing_upstream",
        stranger: "orphan_upstream",
    }
    told = deaf.command("reconcile", "--dry-run")
    assert all(key in told and name in told for key, name in expected.items()), told
    assert drift(deaf) == {}
    cursor = deaf.api("GET", "/v1/changes?limit=200").body["next_cursor"]
    deaf.command("reconcile", "--connection", CONNECTION)
    assert drift(deaf) == expected
    changed = deaf.api("GET", f"/v1/changes?cursor={cursor}").body["items"]
    assert {item["service_key"] for item in changed} == {stopped, grown, lost}
    assert deaf.api("GET", f"/v1/services/{stopped}").body["drifted"] is True

    deaf.put_connection(policies=dict.fromkeys(POLICIES, "repair"))
    deaf.command("reconcile")
    until(lambda: machine(deaf, stopped)["status"] == "running")
    until(lambda: machine(deaf, grown)["hostname"] == "one.example")
    repairs = deaf.api("GET", "/v1/operations?action=unsuspend").body["items"]
    assert [(each["actor"], each["service_key"]) for each in repairs] == [("reconcile", stopped)]
    until(lambda: not _unfinished(deaf))
    deaf.command("reconcile", "--light")
    assert drift(deaf) == {lost: "missing_upstream", stranger: "orphan_upstream"}
    living = [each["reference"] for each in deaf.truth()["instances"] if each["status"] != "deleted"]
    assert f"{mark}:{stranger}" in living, "one run deletes nothing"


def _unfinished(stack: Stack) -> list[Any]:
    items = stack.api("GET", "/v1/operations?limit=200").body["items"]
    return [item for item in items if item["finished_at"] is None]


def test_findings_are_listed_in_pages_and_only_to_their_own(stack: Stack) -> None:
    """`class`, `limit` and `cursor` work; a key of another connection sees nothing; metrics count."""
    mark = machine(stack, active(stack))["reference"].rpartition(":")[0]
    order = {
        "type": "vps",
        "hostname": "x.example",
        "datacenter": "fra1",
        "image": "debian-12",
        "plan": "vps-1",
    }
    strangers = {str(uuid.uuid4()) for _ in range(3)}
    for stranger in strangers:
        by_hand(stack, "POST", "/instances", order | {"reference": f"{mark}:{stranger}"})
    stack.command("reconcile")
    one = sorted(strangers)[0]
    (own,) = stack.api("GET", f"/v1/drift?service_key={one.upper()}").body["items"]
    assert (own["service_key"], own["class"]) == (one, "orphan_upstream")
    seen, cursor = set(), ""
    for _ in range(3):
        answer = stack.api("GET", f"/v1/drift?class=orphan_upstream&limit=1{cursor}").body
        seen.add(answer["items"][0]["service_key"])
        cursor = f"&cursor={answer['next_cursor']}"
    assert (seen, answer["next_cursor"]) == (strangers, None)
    assert drift(stack, key=stack.operator_key) == dict.fromkeys(strangers, "orphan_upstream")
    assert stack.api("GET", "/v1/drift?class=state_drift").body["items"] == []
    assert stack.api("GET", "/v1/drift?class=colour").body["errors"] == {
        "class": {"valid": f"class is one of {', '.join(_classes())}."}
    }
    settings = {"infrafabric_api_url": stack.sandbox_url, "infrafabric_api_key": SANDBOX_KEY}
    stack.command("connections", "put", "other", "--json", "-", stdin=json.dumps(settings))
    other = stack.command("keys", "create", "--scope", "module", "--connection", "other")
    assert drift(stack, key=other) == {}
    stack.command("reconcile", "--connection", "other")
    assert drift(stack, key=other) == {}, "the same account, and another connection's machines"
    headers = {"Authorization": f"Bearer {stack.operator_key}"}
    with urllib.request.urlopen(
        urllib.request.Request(stack.bridge_url + "/metrics", headers=headers)
    ) as text:
        assert 'infrafabric_bridge_drift_findings{class="orphan_upstream"} 3.0' in text.read().decode()


def _classes() -> list[str]:
    return [
        *("missing_upstream", "orphan_upstream", "state_drift"),
        *("spec_drift", "expiry_drift", "leftover_volumes"),
    ]


@pytest.mark.parametrize(
    ("policies", "errors"),
    [
        ({"orphans": "report"}, {"policies.orphans": {"exists": "There is no such member."}}),
        (
            {"state_drift": "delete"},
            {"policies.state_drift": {"valid": "Input should be 'report' or 'repair'"}},
        ),
    ],
)
def test_wrong_policies_are_refused(stack: Stack, policies: dict[str, str], errors: dict[str, Any]) -> None:
    """A slip in a policy is told at its name and changes nothing."""
    path = f"/v1/connections/{CONNECTION}"
    before = stack.api("GET", path).body
    answer = stack.api("PUT", path, {"policies": policies}, key=stack.operator_key, actor=None)
    assert (answer.status, answer.body["errors"]) == (422, errors)
    assert stack.api("GET", path).body == before


def test_a_run_that_cannot_ask_says_so(own_stack: Callable[..., Stack]) -> None:
    """InfraFabric is away: exit status 1, a reason, and the next run goes on. An unknown connection is named."""
    stack = own_stack()
    stack.sandbox.kill()
    with pytest.raises(StackError):
        stack.command("reconcile")
    stack.sandbox_url = stack.sandbox.start("sandbox listening on ")
    stack.put_connection()
    assert "done" in stack.command("reconcile")
    with pytest.raises(StackError, match="no connection nowhere"):
        stack.command("reconcile", "--connection", "nowhere")
    with pytest.raises(StackError, match="from 0 on"):
        stack.command("reconcile", "--allow-removals", "-1")


MANY = 100_000
KEYS = "printf('00000000-0000-4000-8000-%012x', n)"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_machines_need_no_more_memory(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The whole account is compared, the three that are wrong are found, and memory stays what it was for ten."""
    stack = Stack(tmp_path, speed=50, webhooks=False)
    with stack:
        key = active(stack)
        stack.put_connection(rate_limit_per_minute=100_000)
        few = _peak(stack)
        stack.stop()
        _multiply(stack, key)
        stack.sandbox_url = stack.sandbox.start("sandbox listening on ")
        stack.start_bridge()
        stack.put_connection(rate_limit_per_minute=100_000)
        many = _peak(stack)
        assert set(drift(stack).values()) == {"state_drift", "orphan_upstream", "missing_upstream"}
        assert len(drift(stack)) == 3
    record_property("memory of reconcile", f"{few} MiB for 1 machine, {many} MiB for {MANY}")
    assert many < few + 40


def _peak(stack: Stack) -> int:
    """Run the command; the most memory it ever had, in MiB."""
    environment = {**os.environ, **stack.environment}
    command = [sys.executable, "-m", "bridge", "reconcile"]
    peak = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            # The kernel's own high-water mark; asked for now and then, because it ends with the process.
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max(
                [peak, *(int(line.split()[1]) // 1024 for line in status.splitlines() if "VmHWM" in line)]
            )
            time.sleep(0.02)
    assert process.returncode == 0
    return peak


def _multiply(stack: Stack, key: str) -> None:
    """The one service and its machine, a hundred thousand times; three of them wrong."""
    file = stack.folder / "sandbox.json"
    world = json.loads(file.read_text())
    (original,) = world["instances"].values()
    prefix = original["reference"].rpartition(":")[0]
    for number in range(MANY):
        copy_key = f"00000000-0000-4000-8000-{number:012x}"
        world["instances"][f"ins_{number}"] = original | {
            "id": f"ins_{number}",
            "reference": f"{prefix}:{copy_key}",
            "labels": {"bridge": prefix, "service_key": copy_key},
        }
    world["instances"]["ins_1"]["status"] = "suspended"
    del world["instances"]["ins_2"]
    file.write_text(json.dumps(world))
    with sqlite3.connect(stack.folder / "data" / "bridge.db") as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(services)")]
        values = [{"service_key": KEYS, "instance_id": "'ins_' || n"}.get(name, name) for name in names]
        # Number 3 has no service.
        database.execute(
            f"WITH RECURSIVE many(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM many WHERE n < {MANY - 1}) "
            f"INSERT INTO services ({', '.join(names)}) SELECT {', '.join(values)} FROM services, many "
            "WHERE service_key = ? AND n <> 3",
            (key,),
        )
        database.execute("UPDATE services SET life_started_at = datetime(life_started_at, '-1 day')")
    database.close()
