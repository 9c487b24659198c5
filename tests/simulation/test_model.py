"""A small model of services and operations, and Hypothesis looking for a sequence in which the bridge disagrees.

The model knows nothing of requests, keys or retries: only what a caller may expect of each command, one after the
other. Between the commands the bridge may be killed and InfraFabric may be silent or away; that must not show.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bridge.store import operations, services
from tests.simulation.callers import Caller_
from tests.simulation.network import Weather
from tests.simulation.world import World, judge

pytestmark = pytest.mark.timeout(900)  # much work, and machines differ

KEY = "00000000-0000-4000-8000-000000000001"


@dataclass
class Model:
    """What is true of one service when nothing is under way."""

    state: str = "none"
    plan: str = "vps-1"
    image: str = "debian-12"
    extra_addresses: int = 0
    volumes: int = 0

    def expect(self, action: str, body: dict[str, Any]) -> str:
        """`done`, or the code of the refusal; changes the model."""
        alive = self.state in ("active", "suspended")
        match action:
            case "create" if alive:
                return "done" if body["plan"] == "vps-1" else "create_conflict"
            case "create":
                self.__init__(state="active")  # type: ignore[misc]
                return "done"
            case "terminate":
                self.state = "terminated"
                self.extra_addresses = self.volumes = 0
                return "done"
            case _ if self.state == "none":
                return "not_found"
            case "suspend" | "unsuspend" if alive:
                self.state = "suspended" if action == "suspend" else "active"
                return "done"
            case _ if self.state != "active":
                return "action_not_allowed"
        return self._change(action, body)

    def _change(self, action: str, body: dict[str, Any]) -> str:
        if action == "edit":
            if ("vps-1", "vps-2", "vps-4").index(body["plan"]) < ("vps-1", "vps-2", "vps-4").index(self.plan):
                return "failed"
            self.plan = body["plan"]
        self.image = body.get("image", self.image) if action == "reinstall" else self.image
        self.extra_addresses += action == "add_address"
        self.volumes += action == "add_volume"
        return "done"


class Machine(RuleBasedStateMachine):
    """Drives a simulated world one command at a time."""

    folder: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.world = World(self.folder, id(self), Weather())
        self.caller = Caller_(self.world, Random(1), patience=500)
        self.stage = ExitStack()
        self.loop = self.stage.enter_context(self.world.stage())
        self.loop.run_until_complete(self.world.open())

    @rule(
        action=st.sampled_from(
            ["create", "terminate", "suspend", "unsuspend", "reboot", "add_address", "add_volume"]
        )
    )
    def command(self, action: str) -> None:
        """A command with nothing special to say."""
        self._run(action, None)

    @rule(plan=st.sampled_from(["vps-1", "vps-2", "vps-4"]))
    def edit(self, plan: str) -> None:
        """Larger succeeds, smaller is refused by InfraFabric."""
        self._run("edit", {"plan": plan})

    @rule()
    def other_order(self) -> None:
        """The same service key with another create."""
        order = {"type": "vps", "hostname": "one.example", "image": "debian-12", "plan": "vps-2"}
        if self.model.state in ("active", "suspended"):
            self._run("create", order)

    @rule()
    def reinstall(self) -> None:
        """Another image."""
        self._run("reinstall", {"image": "debian-13", "confirm": True})

    @rule(after=st.floats(0, 3))
    def kill_later(self, after: float) -> None:
        """The bridge will be killed while it does the next thing."""
        self.loop.call_later(after, self.world.crash)

    @rule(
        fault=st.sampled_from(["answer_lost", "lost", "unreachable", "error_after", "late"]),
        odds=st.floats(0.1, 0.6),
    )
    def storm(self, fault: str, odds: float) -> None:
        """Something goes wrong until it does not."""
        setattr(self.world.sky.weather, fault, odds)

    @rule()
    def calm(self) -> None:
        """A fine day."""
        self.world.sky.weather.calm()

    def _run(self, action: str, body: dict[str, Any] | None) -> None:
        expected = self.model.expect(action, body or {"plan": "vps-1"})
        told = self.loop.run_until_complete(self._ask(action, body))
        assert told == expected, f"{action} {body}: {told}, and the model says {expected}"

    async def _ask(self, action: str, body: dict[str, Any] | None) -> str:
        told = await self.caller.ask(KEY, action, body)
        await asyncio.sleep(40)  # what goes wrong has to meet the requests
        self.world.sky.weather.calm()
        await self.world.quiet()
        if not told.startswith("op_"):
            return told
        operation = await self.world.database.read(operations.get, told)
        assert operation is not None
        return "done" if operation.state.value == "succeeded" else operation.state.value

    @invariant()
    def they_agree(self) -> None:
        """The bridge says of the service what the model says."""
        service = self.loop.run_until_complete(self.world.database.read(services.get, KEY))
        if service is None:
            assert self.model.state == "none"
            return
        assert service.state.value == self.model.state.replace("none", "terminated")
        if self.model.state in ("active", "suspended"):
            assert (service.plan, service.image) == (self.model.plan, self.model.image)
            assert len(service.addresses) == 2 + self.model.extra_addresses
            assert len(service.volumes) == self.model.volumes

    def teardown(self) -> None:
        """The invariants of every other run hold, too."""
        with self.stage:
            self.loop.run_until_complete(self.world.close())
            judge(self.world)


def test_the_bridge_agrees_with_a_small_model(ground: Path) -> None:
    """No sequence of commands, kills and silences makes them differ."""
    Machine.folder = ground
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=150, stateful_step_count=15, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
