"""`make screenshots`: a picture of every page of the module, in the look of Blesta 5 and 6."""

import sys
import tempfile
from pathlib import Path

from bridge.demo.stack import Stack
from tests.browser.chromium import picture
from tests.browser.gallery import STYLES, Gallery

_TALL = {"Firewall": 900, "Network": 1200, "Storage": 1000, "Usage": 1000, "Operations": 1100, "row": 900}


def main(target: Path) -> None:
    """Draw, frame and photograph; prints each file."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), speed=50) as stack:
        gallery = Gallery(stack, Path(folder))
        for name, body in gallery.pages():
            for version in STYLES:
                file = target / f"{name}-{version}.png"
                height = next((height for part, height in _TALL.items() if part in name), 700)
                picture(gallery.frame(name, body, version).as_uri(), file, height=height)
                print(file, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
