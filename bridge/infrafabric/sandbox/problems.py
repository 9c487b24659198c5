"""Error answers of the stand-in."""

import json
from typing import Any

from aiohttp import web


class Problem(Exception):
    """An error answer. `remembered`: the same idempotency key gets it again."""

    def __init__(
        self, status: int, code: str, detail: str, *, retry_after: str | None = None, **members: Any
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.retry_after, self.members = retry_after, members

    @property
    def remembered(self) -> bool:
        """408, 429, 5xx and the two passing conflicts may be tried again with the same key."""
        passing = self.status in (408, 429) or self.status >= 500
        return not passing and self.code not in ("instance_busy", "idempotency_key_in_flight")

    def body(self) -> dict[str, Any]:
        """The problem document."""
        basic = {
            "type": f"https://infrafabric.example/problems/{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        return basic | self.members


def invalid(errors: dict[str, dict[str, str]], code: str = "validation_failed") -> Problem:
    """422 with what is wrong where."""
    return Problem(422, code, "Some fields are not valid.", errors=errors)


def respond(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer; errors are problem documents."""
    content_type = "application/problem+json" if status >= 400 else "application/json"
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type=content_type, headers=headers
    )
