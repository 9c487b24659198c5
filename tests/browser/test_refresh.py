"""While something runs, a tab brings itself up to date, in a real browser."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.demo.stack import Stack
from tests.acceptance.life import until
from tests.acceptance.shop import Shop
from tests.browser.chromium import document

PAGE = '<!DOCTYPE html><html lang="en"><head><title>t</title></head><body>{}</body></html>'


class Visit:
    """What one browser is answered: each page in turn, the last one for ever."""

    def __init__(self, pages: list[str]) -> None:
        self.pages, self.asked, self.in_vain = pages, list[str](), 0

    def answer(self, path: str) -> str:
        """The next page."""
        self.asked.append(path)
        return PAGE.format(self.pages[min(len(self.asked), len(self.pages)) - 1])


@contextmanager
def serving(visit: Visit) -> Iterator[str]:
    """Blesta's web server in small: whatever is asked for is the tab."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/away/" in self.path or "favicon" in self.path:
                visit.in_vain += "/away/" in self.path
                self.send_error(503)
                return
            body = visit.answer(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """Two tabs as PHP draws them while a reinstall runs and when it is over."""
    tabs = ("tabClientOverview", "tabClientNetwork")
    folder: Path = tmp_path_factory.mktemp("shop")
    with Stack(tmp_path_factory.mktemp("stack"), speed=50) as stack:
        shop = Shop(stack, folder)
        number = shop.sell()

        def draw(method: str) -> str:
            return str(shop.blesta.do("tab", service=number, method=method)["html"])

        stack.control("PUT", "options", {"speed": 0.5})
        shop.blesta.press(number, "Reinstall", "reinstall", typed="one.example")
        until(lambda: "<progress" in draw(tabs[0]))
        running = {method: draw(method) for method in tabs}
        stack.control("PUT", "options", {"speed": 50})
        until(lambda: shop.actions(number, "reinstall")[-1]["state"] == "succeeded")
        yield {method: [running[method], running[method], draw(method)] for method in tabs}


def test_an_overview_is_drawn_anew_until_nothing_runs(seen: dict[str, list[str]]) -> None:
    """It asks again for itself, shows the end, and then leaves the server alone."""
    visit = Visit(seen["tabClientOverview"])
    with serving(visit) as url:
        shown = document(url, milliseconds=60_000)
    assert visit.asked[0] == "/"
    assert len(visit.asked) == 3
    assert all("/tabClientOverview/" in path for path in visit.asked[1:])
    assert "<progress" not in shown
    assert "203.0.113." in shown


def test_a_tab_with_forms_keeps_what_is_being_typed(seen: dict[str, list[str]]) -> None:
    """Only the progress is replaced, at the end by a link to the present state."""
    visit = Visit(seen["tabClientNetwork"])
    with serving(visit) as url:
        shown = document(url, milliseconds=60_000)
    assert len(visit.asked) == 3
    assert "<progress" not in shown
    assert "Finished: show the present state" in shown
    assert shown.count("<form") == visit.pages[0].count("<form")


def test_a_server_that_is_away_is_asked_ever_more_rarely(seen: dict[str, list[str]]) -> None:
    """A page left open does not become a load: after a minute of failures it asks once a minute."""
    running = seen["tabClientOverview"][0]
    visit = Visit([running.replace("/tabClientOverview/", "/away/")])
    with serving(visit) as url:
        shown = document(url, milliseconds=600_000)
    assert "<progress" in shown
    assert 8 <= visit.in_vain <= 14
