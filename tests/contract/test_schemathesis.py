"""Thousands of generated requests against the running bridge: it does what openapi.yaml says."""

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.demo.stack import Stack
from tests.contract.document import FILE

_CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(700)
def test_the_running_bridge_obeys_the_file(stack: Stack, tmp_path: Path) -> None:
    """Examples, boundary values, fuzzing and sequences of calls find nothing to complain about."""
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(_CONFIGURATION)),
            *("run", str(FILE), "--url", stack.bridge_url, "--no-color"),
            *("--header", f"Authorization: Bearer {stack.operator_key}"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
    assert "45 selected / 45 total" in run.stdout
