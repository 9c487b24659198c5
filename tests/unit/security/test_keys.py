"""API keys: their form, what is stored of them, and when they may be used (requirement F5)."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.domain.access import ApiKey, Scope, actor_of
from bridge.domain.problems import ProblemError
from bridge.security import keys
from bridge.system import SystemIds, SystemRng

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _key(**members: object) -> ApiKey:
    return replace(ApiKey("k1", Scope.MODULE, "c1", "0" * 64, (), NOW), **members)  # type: ignore[arg-type]


def test_F5_a_key_has_its_form_and_enough_chance() -> None:
    """`brk_<id>_<43 characters>`: 256 random bits, and no two alike."""
    minted = [keys.mint(SystemIds(), SystemRng()) for _ in range(1000)]
    for key in minted:
        assert re.fullmatch(r"brk_[a-z0-9]+_[A-Za-z0-9-]{43}", key.text)
        assert keys.parse(key.text) == (key.id, key.text.rpartition("_")[2])
    assert len({key.text for key in minted}) == len({key.id for key in minted}) == 1000
    characters = {character for key in minted for character in key.text.rpartition("_")[2]}
    assert len(characters) == 63


def test_F5_only_the_sha_256_of_a_key_is_stored() -> None:
    """The digest is of the secret alone, and the secret cannot be found in it."""
    minted = keys.mint(SystemIds(), SystemRng())
    _, secret = keys.parse(minted.text) or ("", "")
    assert minted.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in minted.secret_sha256


def test_F5_only_the_very_secret_matches() -> None:
    """One other character, a part of it, or nothing at all does not."""
    minted = keys.mint(SystemIds(), SystemRng())
    _, secret = keys.parse(minted.text) or ("", "")
    other = ("B" if secret[0] == "A" else "A") + secret[1:]
    assert keys.matches(secret, minted.secret_sha256)
    for wrong in (other, secret[:-1], secret + "A", secret.swapcase(), "", minted.secret_sha256):
        assert not keys.matches(wrong, minted.secret_sha256)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "brk_",
        "brk_abcdefgh_",
        "brk_abcdefgh_" + "A" * 42,
        "brk_abcdefgh_" + "A" * 44,
        "brk_ABCDEFGH_" + "A" * 43,
        "brk_abc_" + "A" * 43,
        "sk_abcdefgh_" + "A" * 43,
        "brk_abcdefgh_" + "A" * 42 + "_",
        "brk_abcdefgh_" + "A" * 42 + "é",
        "brk_abcdefgh_" + "A" * 43 + "\n",
        " brk_abcdefgh_" + "A" * 43,
    ],
)
def test_F5_anything_else_is_no_key(text: str) -> None:
    """Refused by its form, before anything is looked up."""
    assert keys.parse(text) is None


def test_F5_a_key_s_life() -> None:
    """Good until it expires or is revoked, to the second; without an end it stays good."""
    assert _key().unusable(NOW + timedelta(days=10_000), None) is None
    ends = _key(expires_at=NOW + SECOND)
    assert [ends.unusable(NOW + n * SECOND, None) for n in (0, 1, 2)] == [None, "expired", "expired"]
    revoked = _key(revoked_at=NOW + SECOND)
    assert [revoked.unusable(NOW + n * SECOND, None) for n in (0, 1, 2)] == [None, "revoked", "revoked"]


@pytest.mark.parametrize(
    ("cidrs", "address", "usable"),
    [
        ((), None, True),
        ((), "203.0.113.9", True),
        (("203.0.113.0/24",), "203.0.113.9", True),
        (("203.0.113.0/24",), "203.0.114.9", False),
        (("203.0.113.0/24",), None, False),
        (("203.0.113.0/24",), "::1", False),
        (("203.0.113.7",), "203.0.113.7", True),
        (("203.0.113.7",), "203.0.113.8", False),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::5", True),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db9::5", False),
        (("0.0.0.0/0",), "2001:db8::5", False),
    ],
)
def test_F5_a_key_bound_to_networks(cidrs: tuple[str, ...], address: str | None, usable: bool) -> None:
    """Used from elsewhere, or from nobody knows where, it is no key."""
    assert _key(cidrs=cidrs).unusable(NOW, address) == (None if usable else "address")


@pytest.mark.parametrize(
    ("scope", "header", "actor"),
    [
        (Scope.MODULE, "client:42", "client:42"),
        (Scope.MODULE, "staff:3", "staff:3"),
        (Scope.MODULE, "cron", "cron"),
        (Scope.OPERATOR, None, "operator"),
        (Scope.OPERATOR, "staff:3", "staff:3"),
        (Scope.INFRAFABRIC, None, "infrafabric"),
        (Scope.MODULE, None, "actor_missing"),
        (Scope.MODULE, "", "actor_invalid"),
        (Scope.MODULE, "root", "actor_invalid"),
        (Scope.MODULE, "client", "actor_invalid"),
        (Scope.MODULE, "client:", "actor_invalid"),
        (Scope.MODULE, "client:x", "actor_invalid"),
        (Scope.MODULE, "client:-1", "actor_invalid"),
        (Scope.MODULE, "client:1 staff:2", "actor_invalid"),
        (Scope.MODULE, "cron:1", "actor_invalid"),
        (Scope.MODULE, "infrafabric", "actor_invalid"),
        (Scope.MODULE, "reconcile", "actor_invalid"),
        (Scope.MODULE, "client:" + "9" * 17, "actor_invalid"),
        (Scope.MODULE, "client:٣", "actor_invalid"),
        (Scope.MODULE, "cron\n", "actor_invalid"),
        (Scope.INFRAFABRIC, "staff:3", "forbidden"),
    ],
)
def test_for_whom_a_request_speaks(scope: Scope, header: str | None, actor: str) -> None:
    """A module has to say it in the documented form; nobody can speak for InfraFabric or for reconcile by header."""
    assert _spoken_for(scope, header) == actor


def _spoken_for(scope: Scope, header: str | None) -> str:
    try:
        return actor_of(scope, header).text
    except ProblemError as error:
        return error.problem.code
