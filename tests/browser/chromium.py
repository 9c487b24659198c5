"""Debian's Chromium on the command line: one page, one picture or one document, no driver in between."""

import shutil
import subprocess
import tempfile
from pathlib import Path


class ChromiumError(Exception):
    """There is no Chromium, or it did not do what it was asked for."""


def picture(page: str, target: Path, *, width: int = 1000, height: int = 900) -> None:
    """Write a PNG of the page, `width` by `height` CSS pixels.

    Raises:
        ChromiumError: it ended without a picture.
    """
    _run(page, f"--screenshot={target}", f"--window-size={width},{height}", "--hide-scrollbars")
    if not target.exists():
        raise ChromiumError(f"Chromium wrote no {target.name}")


def document(page: str, *, milliseconds: int) -> str:
    """The page's HTML after its scripts have run for that long, in Chromium's own time.

    Raises:
        ChromiumError: see `picture`.
    """
    return _run(page, "--dump-dom", f"--virtual-time-budget={milliseconds}")


def _run(page: str, *options: str) -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise ChromiumError("There is no chromium. Install Debian's package chromium, or let make do it.")
    with tempfile.TemporaryDirectory() as profile:
        run = subprocess.run(
            [
                program,
                "--headless=new",
                "--disable-gpu",
                "--no-first-run",
                # Its sandbox refuses root, and the pages are our own.
                "--no-sandbox",
                f"--user-data-dir={profile}",
                "--enable-logging=stderr",
                *options,
                page,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    spoken = [line for line in run.stderr.splitlines() if ":CONSOLE" in line]
    if run.returncode != 0 or spoken:
        raise ChromiumError("\n".join(spoken) or run.stderr[-2000:])
    return run.stdout
