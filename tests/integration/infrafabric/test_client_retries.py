"""How often and when one request is sent again in place, and when that is left to the engine."""

import asyncio
from typing import Any

import pytest

from bridge.domain import provider as p
from bridge.infrafabric.settings import ClientSettings, GateSettings
from bridge.system import SystemClock
from tests.integration.infrafabric.conftest import MakeBench
from tests.integration.infrafabric.scripted import breaks, hangs, instance, problem, says, taken

REBOOT = p.ActOnInstance(instance_id="ins_1", verb="reboot")
_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


async def test_D8_silence_is_asked_again_with_full_jitter(bench: MakeBench) -> None:
    """Pauses are a random part of a span that doubles, and after the last attempt the caller decides."""
    settings = ClientSettings(attempts=4, backoff_base=0.2, backoff_cap=0.5)
    for chance, pauses in ((0.5, [0.1, 0.2, 0.25]), (0.0, [0.0, 0.0, 0.0])):
        one = await bench(otherwise=says(500), client=settings, rng=chance)
        with pytest.raises(p.NoAnswer):
            await one.client.instance("ins_1")
        assert one.clock.slept == pytest.approx(pauses)
        assert len(one.server.seen) == 4


async def test_D8_throttling_has_its_own_longer_span(bench: MakeBench) -> None:
    """A 429 without Retry-After is paused for from the throttle's span, and is a sure no."""
    one = await bench(otherwise=problem(429, "rate_limited"), client=ClientSettings(throttle_base=2.0))
    with pytest.raises(p.TryLater):
        await one.client.execute(REBOOT, "k")
    assert one.clock.slept == pytest.approx([1.0, 2.0])


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": "3"}, {"Retry_After": "Thu, 01 Jan 2026 00:00:03 GMT", "Date": _DATE}],
    ids=["seconds", "http_date"],
)
@pytest.mark.parametrize("status", [429, 503, 500])
async def test_D7_retry_after_outranks_the_backoff(
    bench: MakeBench, headers: dict[str, str], status: int
) -> None:
    """The pause is what the provider asks for in either form, and never less."""
    one = await bench(says(status, {}, **headers), taken())
    await one.client.execute(REBOOT, "k")
    (pause,) = one.clock.slept
    assert 3.0 <= pause <= 3.2


@pytest.mark.parametrize("text", ["soon", "-5", "1.5", "", "Thu, 99 Foo 2026 00:00:03 GMT", "٣"])
async def test_D7_a_malformed_retry_after_is_ignored(bench: MakeBench, text: str) -> None:
    """Nonsense in Retry-After is as if there were none."""
    one = await bench(says(503, {}, Retry_After=text.encode().decode("latin-1")), taken())
    await one.client.execute(REBOOT, "k")
    assert one.clock.slept == pytest.approx([0.1])


@pytest.mark.parametrize("status", [429, 503])
async def test_decided_provider_answers_a_long_retry_after_is_handed_on_in_full(
    bench: MakeBench, status: int
) -> None:
    """What would be too long to wait in memory is not waited for: one send, and the error carries the whole time."""
    one = await bench(otherwise=says(status, {}, Retry_After="3600"))
    with pytest.raises(p.ProviderError) as error:
        await one.client.execute(REBOOT, "k")
    assert len(one.server.seen) == 1
    assert one.clock.slept == []
    assert error.value.retry_after is not None
    assert error.value.retry_after.total_seconds() == 3600


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (problem(409, "instance_busy"), p.TryLater),
        (problem(408, "request_timeout"), p.TryLater),
        (problem(409, "idempotency_key_in_flight"), p.NoAnswer),
    ],
)
async def test_what_only_time_can_settle_is_sent_once(bench: MakeBench, answer: Any, meaning: Any) -> None:
    """Busy, 408 and in-flight are single sends: the engine comes back to them, with the order in its table."""
    one = await bench(otherwise=answer)
    with pytest.raises(meaning):
        await one.client.execute(REBOOT, "k")
    assert len(one.server.seen) == 1


async def test_nothing_is_sent_again_after_the_window(bench: MakeBench) -> None:
    """However many attempts there are, the last one begins inside the retry window."""
    settings = ClientSettings(attempts=10, retry_window=2.0, backoff_base=1.0)
    one = await bench(otherwise=says(500), client=settings, rng=0.9)
    with pytest.raises(p.NoAnswer):
        await one.client.instance("ins_1")
    assert one.clock.time <= 2.0
    assert len(one.server.seen) == 2


@pytest.mark.parametrize(
    "second",
    [problem(429, "rate_limited"), problem(409, "instance_busy"), problem(401, "unauthorized")],
)
async def test_silence_is_not_undone_by_a_later_not_now(bench: MakeBench, second: Any) -> None:
    """After a send that may have worked, 'not now' or 'who are you' leave it open whether the first one worked."""
    one = await bench(breaks, otherwise=second)
    with pytest.raises(p.NoAnswer):
        await one.client.execute(REBOOT, "k")


async def test_silence_is_settled_by_a_definite_answer_under_the_same_key(bench: MakeBench) -> None:
    """A refusal that the provider gives under the same key speaks for the send that was not answered, too."""
    one = await bench(breaks, problem(409, "reference_exists", instance_id="ins_9"))
    with pytest.raises(p.Refused) as refused:
        await one.client.execute(REBOOT, "k")
    assert (refused.value.code, refused.value.instance_id) == ("reference_exists", "ins_9")


async def test_D8_the_retry_budget_bounds_all_callers_together(bench: MakeBench) -> None:
    """With everything failing, a hundred callers send each once, and again only as the shared budget allows."""
    gate = GateSettings(budget=50, retry_cost=10, breaker_failures=10**6)
    one = await bench(otherwise=says(500), gate=gate)
    asked = (one.client.instance(f"ins_{number}") for number in range(100))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(outcome, p.NoAnswer) for outcome in outcomes)
    assert len(one.server.seen) == 105
    assert one.gate.budget.tokens == 0


async def test_D8_successes_earn_the_budget_back(bench: MakeBench) -> None:
    """A repetition that works gives its price back, a first try that works gives one token, never above the top."""
    gate = GateSettings(budget=20, retry_cost=10, breaker_failures=10**6)
    one = await bench(says(500), says(500), says(500), gate=gate, otherwise=says(200, instance()))
    with pytest.raises(p.NoAnswer):
        await one.client.instance("ins_1")
    assert one.gate.budget.tokens == 0
    for tokens in (1, 2, 3):
        await one.client.instance("ins_1")
        assert one.gate.budget.tokens == tokens
    for _ in range(30):
        await one.client.instance("ins_1")
    assert one.gate.budget.tokens == 20


async def test_the_total_timeout_is_silence(bench: MakeBench) -> None:
    """A provider that takes the request and says nothing is given up on in time, as something that may have worked."""
    one = await bench(otherwise=hangs, transport={"request_timeout": 0.2}, client=ClientSettings(attempts=1))
    began = asyncio.get_running_loop().time()
    with pytest.raises(p.NoAnswer, match=r"0\.2 s"):
        await one.client.execute(REBOOT, "k")
    assert 0.15 < asyncio.get_running_loop().time() - began < 2


async def test_the_connect_timeout_is_a_sure_no(bench: MakeBench) -> None:
    """When no connection comes about in time not one byte has left, and the engine may know that for sure."""

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    one = await bench(
        # A TLS handshake that nobody answers: connected on TCP, but no connection yet.
        url=f"https://127.0.0.1:{port}/v1",
        transport={"connect_timeout": 0.2},
        client=ClientSettings(attempts=1),
    )
    with pytest.raises(p.NotSent, match="in time"):
        await one.client.execute(REBOOT, "k")
    assert [call[2] for call in one.calls] == ["connect_timeout"]
    listener.close()
    await listener.wait_closed()


async def test_nobody_listening_is_a_sure_no(bench: MakeBench) -> None:
    """A refused connection is tried again in place, and in the end surely nothing was sent."""
    one = await bench()
    await one.server.stop()
    with pytest.raises(p.NotSent):
        await one.client.execute(REBOOT, "k")
    assert [call[2] for call in one.calls] == ["connect"] * 3


async def test_a_cancelled_request_gives_its_place_back(bench: MakeBench) -> None:
    """Cancelling a caller in the middle of a send leaves no slot taken behind."""
    one = await bench(hangs, otherwise=says(200, instance()), max_concurrency=1, clock=SystemClock())
    task = asyncio.create_task(one.client.instance("ins_1"))
    await one.server.arrival(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(one.client.instance("ins_1"), 2)
