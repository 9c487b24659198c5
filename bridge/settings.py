"""Every setting of the bridge, documented where it is defined; README's table is made from here.

Sources, the later ones winning: defaults, `.env`, environment (`BRIDGE_…`), flags.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "BRIDGE_"
_TEST_PREFIX = "BRIDGE_TEST_"
_ENV_FILE = ".env"
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")

Seconds = Annotated[float, Field(gt=0, le=31_536_000)]
TextList = Annotated[tuple[str, ...], NoDecode]


class SettingsError(Exception):
    """A setting is wrong; the text names each one with its value and what is allowed."""


class Settings(BaseSettings):
    """Settings of one process. Times are seconds unless the description says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=_ENV_FILE, extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 lets the system choose.")
    data_dir: Path = Field(Path("data"), description="Folder for database, master keys and lock file.")
    database_url: str = Field(
        "", description="SQLAlchemy URL; empty: SQLite file bridge.db in the data folder."
    )
    master_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Comma list of id:base64(32 bytes); the first seals. Empty: file master.keys in the data folder.",
    )
    allow_plain_http: bool = Field(
        False, description="Listen beyond loopback without TLS (a proxy ends it), and call http:// upstreams."
    )
    upstream_allow: TextList = Field(
        (), description="Comma list of private networks or hosts that InfraFabric may be reached at."
    )
    trusted_proxies: TextList = Field(
        (), description="Comma list of networks whose X-Forwarded-For is believed."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="json: one object a line; console: for reading."
    )
    drain_delay: float = Field(
        0.0, ge=0, le=300, description="Seconds between not ready and closing the listener."
    )
    shutdown_timeout: Seconds = Field(
        25, description="Seconds that requests and turns under way may take to finish."
    )
    max_wait: int = Field(60, ge=0, le=300, description="Longest Prefer: wait, seconds.")
    body_limit: int = Field(262_144, ge=1024, le=16_777_216, description="Largest request body, bytes.")
    callback_tolerance: int = Field(
        300, ge=1, le=3600, description="Accepted age of a callback either way, seconds."
    )
    idempotency_retention: Seconds = Field(2_592_000, description="How long Idempotency-Keys are kept.")
    changes_retention: Seconds = Field(2_592_000, description="How long changes are kept.")
    callback_retention: Seconds = Field(2_592_000, description="How long webhook ids are kept.")
    queue_limit: int = Field(16, ge=1, le=1000, description="Unfinished operations per service.")
    concurrency: int = Field(64, ge=1, le=1000, description="Turns at a time.")
    poll_first: Seconds = Field(2, description="First look at an operation whose callback is late.")
    poll_max: Seconds = Field(30, description="Longest pause between looks.")
    backoff_base: Seconds = Field(1, description="First span of the jittered backoff.")
    backoff_cap: Seconds = Field(60, description="Longest span of the jittered backoff.")
    resend_window: Seconds = Field(72_000, description="How long an unanswered request may be sent again.")
    persistent_for: Seconds = Field(
        86_400, description="How long suspend, unsuspend, renew and edit are tried."
    )
    action_overtime: int = Field(
        3, ge=1, le=100, description="Deadlines a short action may take while it still runs."
    )
    create_tries: int = Field(3, ge=1, le=20, description="Tries of a create inside its deadline.")
    released_for: Seconds = Field(
        86_400, description="How long a create is tried anew once Blesta shows the service."
    )
    catalog_ttl: Seconds = Field(3600, description="How long a fetched catalogue counts as fresh.")
    reconcile_full_every: float = Field(
        86_400,
        ge=0,
        le=31_536_000,
        description="How often everything is compared with InfraFabric; 0 = never.",
    )
    reconcile_light_every: float = Field(
        3600, ge=0, le=31_536_000, description="How often what has changed there is compared; 0 = never."
    )
    terminate_alert: Seconds = Field(
        3600, description="Age from which an unconfirmed terminate counts as overdue."
    )
    client_connect_timeout: Seconds = Field(5, description="Connecting to InfraFabric.")
    client_request_timeout: Seconds = Field(30, description="One request to InfraFabric.")
    client_attempts: int = Field(
        3, ge=1, le=10, description="Sends of one request before the engine takes over."
    )
    client_backoff_base: Seconds = Field(0.2, description="First span between those sends.")
    client_backoff_cap: Seconds = Field(
        5, description="Longest span, and longest Retry-After waited for in place."
    )
    client_throttle_base: Seconds = Field(1, description="First span after a 429 that names no pause.")
    client_retry_window: Seconds = Field(
        10, description="After this long a request is not sent again in place; the engine takes over."
    )
    client_queue_limit: int = Field(
        1000, ge=1, description="Requests of one connection that may wait for their turn."
    )
    client_queue_wait: Seconds = Field(30, description="Longest wait for that turn.")
    client_answer_limit: int = Field(
        4_194_304, ge=65_536, description="Largest answer of InfraFabric, bytes."
    )
    client_budget: int = Field(500, ge=0, description="Capacity of the retry budget per connection, tokens.")
    client_retry_cost: int = Field(
        14, ge=1, description="Tokens a retry after silence costs; a success gives one back."
    )
    client_throttle_cost: int = Field(5, ge=1, description="Tokens a retry after throttling costs.")
    breaker_failures: int = Field(5, ge=1, description="Failures in a row that open the circuit breaker.")
    breaker_first: Seconds = Field(5, description="First pause of an open breaker.")
    breaker_max: Seconds = Field(30, description="Longest pause of an open breaker.")

    @field_validator("upstream_allow", "trusted_proxies", "master_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text, strict=False)
        return value

    @field_validator("upstream_allow")
    @classmethod
    def _networks_or_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            # Digits and dots, a slash or a colon: meant as an address, and a slip would allow nothing.
            if re.fullmatch(r"[0-9./]+", text) or "/" in text or ":" in text:
                ipaddress.ip_network(text, strict=False)
            elif not _HOST_NAME.fullmatch(text):
                raise ValueError(f"{text!r} is neither a network such as 10.0.0.0/8 nor a host name")
        return value

    @model_validator(mode="after")
    def _plain_http_is_for_loopback(self) -> "Settings":
        if not self.listens_on_loopback and not self.allow_plain_http:
            raise ValueError(
                f"host {self.host!r} is not loopback, and the bridge speaks plain HTTP. Put a TLS proxy before it and "
                "set BRIDGE_ALLOW_PLAIN_HTTP=1, or listen on 127.0.0.1."
            )
        return self

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the bridge."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def store_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'bridge.db'}"


def load(**overrides: Any) -> Settings:
    """Read all sources; `overrides` are the flags that were given.

    Raises:
        SettingsError: something is wrong, or a BRIDGE_ variable does not exist, in the environment or in `.env`.
    """
    _refuse_unknown([*os.environ, *dotenv_values(_ENV_FILE)])
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item) for item in error.errors(include_url=False))) from error


def describe() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, in order."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in ("", ()) else str(field.default)
        rows.append((PREFIX + name.upper(), default, field.description or ""))
    return rows


def _refuse_unknown(names: Iterable[str]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in names:
        if not name.startswith(PREFIX) or name.startswith(_TEST_PREFIX) or name in known:
            continue
        close = difflib.get_close_matches(name, known, 1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingsError(f"{name} is no setting of the bridge.{hint} Remove or rename it.")


def _explain(item: Any) -> str:
    message = str(item["msg"]).removeprefix("Value error, ")
    if not item["loc"]:
        return message
    name = str(item["loc"][0])
    value = "***" if "key" in name else repr(item.get("input"))
    return f"{PREFIX}{name.upper()} is {value}: {message}. {Settings.model_fields[name].description}"
