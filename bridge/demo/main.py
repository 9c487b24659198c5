"""`infrafabric-bridge demo`: the story on the terminal, or bridge and sandbox to play with."""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from bridge.demo.blesta import Blesta, BlestaError
from bridge.demo.stack import Stack, StackError
from bridge.demo.story import STEPS, Scene, Step, Unproven, furnish

_LOOK_EVERY = 0.15


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: its duration in seconds, and the proof or what was found instead."""

    title: str
    seconds: float
    proven: bool
    words: str


def run(options: argparse.Namespace) -> int:
    """0 when every proof held, or when playing ended; 1 otherwise."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="infrafabric-demo-") as folder:
        try:
            if options.stay:
                return _stay(console, Path(folder), options.speed)
            return _show(console, Path(folder), options.speed)
        except (StackError, BlestaError) as error:
            console.print(f"[red]The demonstration could not be set up.[/red] {error}", highlight=False)
            return 1


# ---- the story ------------------------------------------------------------------------------------------------------


def _show(console: Console, folder: Path, speed: float) -> int:
    with Stack(folder, speed=speed) as stack:
        scene = Scene(stack, Blesta(folder))
        furnish(scene)
        console.print(
            f"bridge pid {stack.bridge.pid}, sandbox pid {stack.sandbox.pid}, Blesta's module in PHP\n"
        )
        outcomes: list[Outcome] = []
        for step in STEPS:
            outcomes.append(_play(console, scene, step))
            if not outcomes[-1].proven:
                break
    console.print(_summary(outcomes))
    return 0 if len(outcomes) == len(STEPS) and all(outcome.proven for outcome in outcomes) else 1


def _play(console: Console, scene: Scene, step: Step) -> Outcome:
    """Run a step beside its progress bar, then prove it."""
    started = time.monotonic()
    broken: list[Exception] = []

    def act() -> None:
        try:
            step.act(scene)
        except (Unproven, BlestaError, StackError, OSError) as error:
            broken.append(error)

    _beside(console, step.title, act, scene)
    seconds = time.monotonic() - started
    try:
        if broken:
            raise broken[0]
        outcome = Outcome(step.title, seconds, True, step.prove(scene))
    except (Unproven, BlestaError, StackError, OSError) as error:
        outcome = Outcome(step.title, seconds, False, str(error))
    mark = "[green]✓[/green]" if outcome.proven else "[red]✗[/red]"
    console.print(f"{mark} {outcome.title}  [dim]{seconds:.1f} s[/dim]  {outcome.words}", highlight=False)
    return outcome


def _beside(console: Console, title: str, act: Callable[[], None], scene: Scene) -> None:
    """Show the progress that the bridge itself reports while `act` runs."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    worker = threading.Thread(target=act, name=title)
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=100)
        worker.start()
        while worker.is_alive():
            progress.update(task, completed=_progress(scene))
            worker.join(_LOOK_EVERY)
        progress.update(task, completed=100)


def _progress(scene: Scene) -> float:
    """Per cent of the watched service's operation under way; 0 while nobody can tell."""
    if scene.watched is None:
        return 0.0
    try:
        service = scene.stack.api("GET", f"/v1/services/{scene.watched}")
        current = service.body.get("current_operation_id") if service.status == 200 else None
        if current is None:
            return 0.0
        return float(scene.stack.api("GET", f"/v1/operations/{current}").body["progress"])
    except OSError:
        return 0.0


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(title="What was proven, as the sandbox tells it", title_justify="left")
    table.add_column("Step")
    table.add_column("Time", justify="right")
    table.add_column("Proof")
    for outcome in outcomes:
        style = None if outcome.proven else "red"
        table.add_row(outcome.title, f"{outcome.seconds:.1f} s", outcome.words, style=style)
    missing = len(STEPS) - sum(outcome.proven for outcome in outcomes)
    total = sum(outcome.seconds for outcome in outcomes)
    table.caption = f"{total:.1f} s in all. " + (
        "Every proof held." if not missing else f"{missing} proofs are missing."
    )
    return table


# ---- staying up -----------------------------------------------------------------------------------------------------


def _stay(console: Console, folder: Path, speed: float) -> int:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    stack = Stack(folder, speed=speed)
    try:
        stack.start()
        console.print(_hints(stack), highlight=False, soft_wrap=True, markup=False)
        sys.stdout.flush()
        over.wait()
    finally:
        stack.stop()
    return 0


def _hints(stack: Stack) -> str:
    headers = f"-H 'Authorization: Bearer {stack.module_key}' -H 'X-Actor: staff:1'"
    service = f"{stack.bridge_url}/v1/services/11111111-1111-4111-8111-111111111111"
    body = '{"type":"vps","hostname":"one.example","image":"debian-12","plan":"vps-1"}'
    json = "-H 'Content-Type: application/json'"
    return f"""bridge        {stack.bridge_url}
sandbox       {stack.sandbox_url}
operator key  {stack.operator_key}
module key    {stack.module_key}

Create a machine and wait for it:
curl -sS {headers} -H 'Idempotency-Key: first' -H 'Prefer: wait=10' {json} -d '{body}' {service}/create
See the service:
curl -sS {headers} {service}
Terminate it:
curl -sS {headers} -H 'Idempotency-Key: last' -H 'Prefer: wait=10' {json} -d '{{"confirm":true}}' {service}/terminate

Ctrl-C ends both and removes everything."""
