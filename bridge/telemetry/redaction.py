"""No secret in any sink: members are redacted by their name, and known secret values wherever they stand."""

import re
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "[REDACTED]"
_SECRET_NAME = re.compile(
    r"passw|token|secret|authorization|ticket|cookie|signature|api_?key|master_?key", re.IGNORECASE
)
_KEY_NAME = re.compile(r"^key$", re.IGNORECASE)
_INNOCENT = frozenset({"password_available", "idempotency_key", "service_key", "secret_sha256_prefix"})
_SHORTEST = 6
_REMEMBERED = 20_000


class Redactor:
    """Knows secret values by registration; the oldest are forgotten first."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._values: OrderedDict[str, None] = OrderedDict()
        self._remembered = remembered
        self._pattern: re.Pattern[str] | None = None

    def protect(self, value: str) -> None:
        """Never show this value again; very short ones are left alone, they would hide ordinary text."""
        if len(value) < _SHORTEST:
            return
        if value in self._values:
            self._values.move_to_end(value)
            return
        self._values[value] = None
        if len(self._values) > self._remembered:
            self._values.popitem(last=False)
        self._pattern = None

    def clean(self, value: Any) -> Any:
        """A copy without secrets; deep in mappings and sequences."""
        if isinstance(value, Mapping):
            return {self._text(str(name)): self._member(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.clean(item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        # Whatever else there is, a log line shows its text, and that is where a secret could stand.
        return self._text(value if isinstance(value, str) else str(value))

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a structlog processor."""
        cleaned: dict[str, Any] = self.clean(event)
        return cleaned

    def _member(self, name: str, item: Any) -> Any:
        secret = _SECRET_NAME.search(name) or _KEY_NAME.match(name)
        if secret and name not in _INNOCENT and item is not None:
            return HIDDEN
        return self.clean(item)

    def _text(self, text: str) -> str:
        if not self._values:
            return text
        if self._pattern is None:
            longest_first = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(HIDDEN, text)
