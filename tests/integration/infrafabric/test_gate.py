"""The gate in front of one connection: breaker, concurrency, rate, and what changed settings do to them."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain import provider as p
from bridge.infrafabric.settings import ClientSettings, GateSettings
from bridge.system import SystemClock
from bridge.telemetry.metrics import Metrics
from tests.integration.infrafabric.conftest import Bench, MakeBench, connection
from tests.integration.infrafabric.scripted import breaks, hangs, instance, later, problem, says

ONCE = ClientSettings(attempts=1)
OK = says(200, instance())


async def _ask(bench: Bench) -> str:
    try:
        await bench.client.instance("ins_1")
    except p.ProviderError as error:
        return type(error).__name__
    return "ok"


def _state(bench: Bench) -> str:
    return bench.gate.breaker.state


async def _open(bench: Bench) -> None:
    while _state(bench) != "open":
        await _ask(bench)


# ---- breaker --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [says(500), says(503), breaks])
async def test_D11_the_breaker_opens_after_failures_in_a_row(bench: MakeBench, failure: object) -> None:
    """The n-th failure in a row opens it; from then on nothing is sent, and the caller learns when to come back."""
    one = await bench(otherwise=failure, client=ONCE, gate=GateSettings(breaker_failures=3, breaker_first=5))
    assert [await _ask(one) for _ in range(3)] == ["NoAnswer"] * 3
    assert _state(one) == "open"
    with pytest.raises(p.NotSent) as refused:
        await one.client.instance("ins_1")
    assert len(one.server.seen) == 3
    assert refused.value.retry_after is not None
    assert timedelta(seconds=5) <= refused.value.retry_after <= timedelta(seconds=7)


async def test_D11_a_success_between_failures_keeps_it_closed(bench: MakeBench) -> None:
    """Only failures in a row count, and a definite no or a 429 is a sign of life."""
    bad = says(500)
    script = [bad, bad, OK, bad, bad, problem(404, "not_found"), bad, bad, says(429), bad, bad]
    one = await bench(*script, client=ONCE, gate=GateSettings(breaker_failures=3))
    for _ in script:
        await _ask(one)
    assert _state(one) == "closed"
    assert len(one.server.seen) == len(script)


async def test_D11_half_open_lets_one_probe_through(bench: MakeBench) -> None:
    """When the pause is over exactly one request goes; all others are turned away until it has spoken."""
    gate = GateSettings(breaker_failures=2, breaker_first=5)
    one = await bench(says(500), says(500), later(0.1, OK), otherwise=OK, client=ONCE, gate=gate)
    await _open(one)
    one.clock.time += 5
    probe = asyncio.create_task(_ask(one))
    await one.server.arrival(3)
    assert _state(one) == "half_open"
    assert await asyncio.gather(*(_ask(one) for _ in range(20))) == ["NotSent"] * 20
    assert len(one.server.seen) == 3
    assert await probe == "ok"
    assert _state(one) == "closed"
    assert await _ask(one) == "ok"


async def test_D11_a_failed_probe_doubles_the_pause_up_to_the_longest(bench: MakeBench) -> None:
    """5, 10, 20, 30, 30 seconds: between the probes nothing is sent; a success sets it back to 5."""
    gate = GateSettings(breaker_failures=1, breaker_first=5, breaker_max=30)
    one = await bench(otherwise=says(500), client=ONCE, gate=gate)
    await _open(one)
    for pause in (5, 10, 20, 30, 30):
        sent = len(one.server.seen)
        one.clock.time += pause - 0.01
        assert await _ask(one) == "NotSent"
        assert len(one.server.seen) == sent
        one.clock.time += 0.02
        assert await _ask(one) == "NoAnswer"
        assert len(one.server.seen) == sent + 1
    one.server.script = [OK, says(500)]
    one.clock.time += 30
    assert [await _ask(one) for _ in range(3)] == ["ok", "NoAnswer", "NotSent"]
    one.clock.time += 5
    one.server.script = [OK]
    assert await _ask(one) == "ok"


async def test_D11_a_cancelled_probe_gives_its_place_to_the_next(bench: MakeBench) -> None:
    """A probe that ends without a word does not leave the breaker half open for ever."""
    one = await bench(says(500), hangs, OK, client=ONCE, gate=GateSettings(breaker_failures=1))
    await _open(one)
    one.clock.time += 5
    probe = asyncio.create_task(_ask(one))
    await one.server.arrival(2)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert await _ask(one) == "ok"


async def test_D11_late_answers_of_an_earlier_time_change_nothing(bench: MakeBench) -> None:
    """Requests sent before it opened, which fail or succeed afterwards, neither close it nor lengthen the pause."""
    gate = GateSettings(breaker_failures=1, breaker_first=5)
    one = await bench(later(0.1, OK), later(0.1, says(500)), says(500), client=ONCE, gate=gate)
    early = [asyncio.create_task(_ask(one)), asyncio.create_task(_ask(one))]
    await one.server.arrival(2)
    assert await _ask(one) == "NoAnswer"
    assert list(await asyncio.gather(*early)) == ["ok", "NoAnswer"]
    assert _state(one) == "open"
    one.clock.time += 5
    one.server.script = [OK]
    assert await _ask(one) == "ok"


async def test_D11_E7_its_state_is_exported(bench: MakeBench) -> None:
    """Each state has its number in the metric, and the budget stands beside it."""
    one = await bench(says(500), later(0.05, OK), client=ONCE, gate=GateSettings(breaker_failures=1))
    metrics = Metrics()

    def exported() -> float | None:
        for connection_id, gate in one.pool.gates().items():
            metrics.gate_changed(connection_id, gate.breaker.state, gate.budget.tokens)
        name = "infrafabric_bridge_breaker_state"
        return metrics.registry.get_sample_value(name, {"connection": "c1"})

    assert (_state(one), exported()) == ("closed", 0)
    await _ask(one)
    assert exported() == 2
    one.clock.time += 5
    probe = asyncio.create_task(_ask(one))
    await one.server.arrival(2)
    assert exported() == 1
    await probe
    assert exported() == 0
    text = metrics.render()[0].decode()
    assert 'infrafabric_bridge_retry_budget_tokens{connection="c1"} 500.0' in text


async def test_connections_do_not_share_a_gate(bench: MakeBench) -> None:
    """An account that is away does not stop another one's."""
    one = await bench(otherwise=says(500), client=ONCE, gate=GateSettings(breaker_failures=1))
    await _open(one)
    one.server.otherwise = OK
    other = one.pool.get(connection(one.server.url, id="c2"))
    assert await other.instance("ins_1") is not None
    assert await _ask(one) == "NotSent"


async def test_saving_the_settings_again_does_not_reset_the_gate(bench: MakeBench) -> None:
    """A new version keeps breaker and budget; another address starts afresh."""
    one = await bench(otherwise=says(500), client=ONCE, gate=GateSettings(breaker_failures=1))
    await _open(one)
    one.connection = replace(one.connection, version=2)
    assert await _ask(one) == "NotSent"
    other = await bench(otherwise=OK)
    one.connection = replace(one.connection, version=3, infrafabric_api_url=other.server.url)
    assert await _ask(one) == "ok"


# ---- how many at once -----------------------------------------------------------------------------------------------


async def test_D12_decided_limits_at_most_max_concurrency_at_once(bench: MakeBench) -> None:
    """Thirty callers on three slots: never more than three at the provider, and all are served."""
    one = await bench(otherwise=later(0.01, OK), max_concurrency=3, clock=SystemClock())
    assert await asyncio.gather(*(_ask(one) for _ in range(30))) == ["ok"] * 30
    assert one.server.most_at_once == 3


async def test_D12_a_full_queue_turns_callers_away_at_once(bench: MakeBench) -> None:
    """One under way and two waiting are all there may be; the next ones surely sent nothing."""
    gate = GateSettings(queue_limit=2, queue_wait=5)
    one = await bench(later(0.2, OK), otherwise=OK, max_concurrency=1, gate=gate, clock=SystemClock())
    began = asyncio.get_running_loop().time()
    tasks = [asyncio.create_task(_ask(one)) for _ in range(5)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert asyncio.get_running_loop().time() - began < 0.15
    assert await asyncio.gather(*tasks) == ["ok", "ok", "ok", "NotSent", "NotSent"]
    assert len(one.server.seen) == 3


async def test_D12_nobody_waits_longer_than_the_limit(bench: MakeBench) -> None:
    """A caller whose turn does not come in time is told when to come back, and its place is free again."""
    gate = GateSettings(queue_wait=0.1)
    one = await bench(later(0.4, OK), otherwise=OK, max_concurrency=1, gate=gate, clock=SystemClock())
    first = asyncio.create_task(_ask(one))
    await one.server.arrival(1)
    with pytest.raises(p.NotSent) as refused:
        await one.client.instance("ins_1")
    assert refused.value.retry_after == timedelta(seconds=0.1)
    assert await first == "ok"
    assert await _ask(one) == "ok"
    assert len(one.server.seen) == 2


async def test_a_waiting_caller_who_is_cancelled_leaves_the_queue(bench: MakeBench) -> None:
    """The ones behind it move up, in their order."""
    gate = GateSettings(queue_limit=2)
    one = await bench(later(0.1, OK), otherwise=OK, max_concurrency=1, gate=gate, clock=SystemClock())
    first = asyncio.create_task(_ask(one))
    await one.server.arrival(1)
    second, third = asyncio.create_task(_ask(one)), asyncio.create_task(_ask(one))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    fourth = asyncio.create_task(_ask(one))
    assert list(await asyncio.gather(first, third, fourth)) == ["ok"] * 3


async def test_a_changed_concurrency_holds_at_once(bench: MakeBench) -> None:
    """Raising the limit lets waiting callers go; lowering it holds for those who come."""
    one = await bench(otherwise=later(0.1, OK), max_concurrency=1, clock=SystemClock())
    tasks = [asyncio.create_task(_ask(one)) for _ in range(4)]
    await one.server.arrival(1)
    one.connection = replace(one.connection, version=2, max_concurrency=4)
    one.pool.get(one.connection)
    await one.server.arrival(4)
    assert await asyncio.gather(*tasks) == ["ok"] * 4
    assert one.server.most_at_once == 4
    one.connection = replace(one.connection, version=3, max_concurrency=2)
    one.server.most_at_once = 0
    assert await asyncio.gather(*(_ask(one) for _ in range(6))) == ["ok"] * 6
    assert one.server.most_at_once == 2


# ---- how many a minute ----------------------------------------------------------------------------------------------


def _fullest_minute(times: list[float]) -> int:
    return max(sum(1 for other in times if at <= other < at + 60 - 1e-6) for at in times)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600])
async def test_D12_decided_limits_no_minute_has_more_starts(bench: MakeBench, per_minute: int) -> None:
    """In any 60 seconds at most `rate_limit_per_minute` requests start, and the limit is nearly used up."""
    gate = GateSettings(queue_wait=10_000)
    one = await bench(otherwise=OK, rate_limit_per_minute=per_minute, gate=gate)
    starts = []
    for _ in range(3 * per_minute):
        await one.client.instance("ins_1")
        starts.append(one.clock.time)
    assert _fullest_minute(starts) == per_minute
    for earlier, at in itertools.pairwise(starts):
        assert at >= earlier


async def test_D12_a_turn_too_far_away_is_not_waited_for(bench: MakeBench) -> None:
    """A limit that would keep a caller longer than the queue's wait turns it away with the time to come back."""
    gate = GateSettings(queue_wait=30)
    one = await bench(otherwise=OK, rate_limit_per_minute=1, gate=gate)
    await one.client.instance("ins_1")
    with pytest.raises(p.NotSent) as refused:
        await one.client.instance("ins_1")
    assert refused.value.retry_after == timedelta(seconds=60)
    assert len(one.server.seen) == 1


async def test_D12_repetitions_count_against_the_rate(bench: MakeBench) -> None:
    """A send is a send: what is tried again in place waits for its turn, too."""
    gate, client = GateSettings(breaker_failures=99), ClientSettings(attempts=9)
    one = await bench(otherwise=says(500), rate_limit_per_minute=60, rng=0.0, client=client, gate=gate)
    await _ask(one)
    sent = len(one.server.seen)
    assert sent > 6
    assert one.clock.time >= (sent - 6) * 60 / 55 - 0.01
