"""Half a minute of chaos with real processes; `make chaos` is the long form."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.run import storm


@pytest.mark.timeout(400)
@pytest.mark.long
def test_nothing_is_lost_and_nothing_happens_twice_in_a_storm(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """SIGKILL every few seconds, a fifth of all requests faulty, eight impatient callers: the promise holds."""
    found, report, chaos = storm(tmp_path, seconds=30, services=200)
    record_property("chaos", report)
    assert not found, report + "\n" + "\n".join(found)
    assert chaos.kills >= 3
    assert len(chaos.accepted) >= 50
