"""API keys `brk_<id>_<secret>`: shown once, kept as a SHA-256 (enough for 256 random bits, requirement F5)."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from bridge.domain.ports import Ids, Rng

_TEXT = re.compile(r"brk_([a-z0-9]{8,40})_([A-Za-z0-9-]{43})")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key: `text` goes to its owner and nowhere else."""

    id: str
    text: str
    secret_sha256: str


def mint(ids: Ids, rng: Rng) -> MintedKey:
    """A fresh key with 256 random bits."""
    key_id = ids.new("k").removeprefix("k_")
    # "-" for both special characters of base64url: an underscore separates the parts.
    secret = base64.urlsafe_b64encode(rng.token_bytes(_SECRET_BYTES)).decode().rstrip("=").replace("_", "-")
    return MintedKey(key_id, f"brk_{key_id}_{secret}", digest(secret))


def parse(text: str) -> tuple[str, str] | None:
    """Id and secret of a key's text, or None."""
    match = _TEXT.fullmatch(text)
    return None if match is None else (match[1], match[2])


def digest(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, secret_sha256: str) -> bool:
    """Whether the secret is the stored one, in constant time."""
    return hmac.compare_digest(digest(secret), secret_sha256)
