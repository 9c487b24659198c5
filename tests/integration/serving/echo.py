"""A provider that repeats everything it is told, secrets included, in every kind of answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.command == "POST" and self.path.endswith("/instances"):
            self._problem(key)
        elif self.path.partition("?")[0].endswith(("/plans", "/images", "/datacenters")):
            self._send(500, f"<html>{key}</html>".encode(), "text/html")
        else:
            self._problem(key)

    def _problem(self, key: str) -> None:
        document: dict[str, Any] = {
            "type": f"https://x/{key}",
            "title": f"bad {key}",
            "status": 422,
            "code": key[:60],
            "detail": f"The key {key} is not welcome. Authorization: Bearer {key}",
            "errors": {"plan": {"exists": f"not with {key}"}, key: {key: key}},
        }
        self._send(422, json.dumps(document).encode(), "application/problem+json")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


@contextmanager
def echo_provider() -> Iterator[str]:
    """Its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
