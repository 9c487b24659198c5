"""Secrets at rest: AES-256-GCM under named master keys, each sealed for one place in the database.

The associated data names table, row, column and key, so that a sealed text moved elsewhere does not open. The first
key seals, all of them open: that is all a rotation needs.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.domain.ports import Ids, Rng

KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class VaultError(Exception):
    """A secret cannot be opened, or the master keys cannot be used."""


class Vault:
    """Seals and opens. Random 96-bit nonces: keep below 2^32 sealings per key."""

    def __init__(self, keys: Mapping[str, bytes], rng: Rng) -> None:
        if not keys:
            raise VaultError(
                "There is no master key. Set BRIDGE_MASTER_KEYS, or let the bridge make a key file."
            )
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._sealing, first = next(iter(keys.items()))
        self._digest_key = hashlib.sha256(b"fingerprint" + first).digest()
        self._rng = rng

    def seal(self, plaintext: str, *, table: str, row: str, column: str) -> str:
        """`v1.<key id>.<base64url of nonce and ciphertext>`, which opens only for this place."""
        nonce = self._rng.token_bytes(_NONCE_BYTES)
        bound = _bound(table, row, column, self._sealing)
        sealed = self._keys[self._sealing].encrypt(nonce, plaintext.encode(), bound)
        return f"v1.{self._sealing}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, table: str, row: str, column: str) -> str:
        """The plaintext.

        Raises:
            VaultError: unknown format or key, changed text, or a text that was sealed for another place.
        """
        version, key_id, data = self._split(sealed)
        if version != "v1" or key_id not in self._keys:
            raise VaultError(
                f"{table}.{column} was sealed with master key {key_id!r}, which is not configured. "
                "Add that key to BRIDGE_MASTER_KEYS (after the first one)."
            )
        try:
            raw = base64.b64decode(data, altchars=b"-_", validate=True)
            bound = _bound(table, row, column, key_id)
            return self._keys[key_id].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise VaultError(
                f"{table}.{column} of {row} does not open: it was changed, or moved from another place. "
                "Restore it from a backup, or set the secret anew."
            ) from error

    def key_of(self, sealed: str) -> str:
        """Which master key a text was sealed with, for rotation."""
        return self._split(sealed)[1]

    def fingerprint(self, plaintext: str) -> str:
        """A short keyed digest: tells two secrets apart without helping to guess one."""
        return hmac.new(self._digest_key, plaintext.encode(), "sha256").hexdigest()[:16]

    @staticmethod
    def _split(sealed: str) -> tuple[str, str, str]:
        parts = sealed.split(".")
        return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")


def _bound(table: str, row: str, column: str, key_id: str) -> bytes:
    """Unambiguous: a JSON list, not a joined text."""
    return json.dumps([table, row, column, key_id]).encode()


def parse_keys(entries: Sequence[str]) -> dict[str, bytes]:
    """Master keys from `id:base64` entries; the first one seals.

    Raises:
        VaultError: an entry is not of that form, a key is not 32 bytes, or an id appears twice.
    """
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(entries, 1):
        key_id, _, text = entry.strip().partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except binascii.Error:
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES or key_id in keys:
            raise VaultError(
                f"Master key {number} is not <id>:<base64 of {KEY_BYTES} bytes>, or its id is used twice."
            )
        keys[key_id] = key
    return keys


def load_or_create(path: Path, ids: Ids, rng: Rng) -> dict[str, bytes]:
    """Master keys from a file only its owner can read; made at the first start.

    Raises:
        VaultError: others can read the file, or it is not a key file.
    """
    if not path.exists():
        aside = path.with_name(f".{path.name}.{ids.new('new')}")
        _create(path, aside, f"{ids.new('mk')}:{base64.b64encode(rng.token_bytes(KEY_BYTES)).decode()}\n")
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise VaultError(f"Others can read the master keys in {path} (mode {mode:o}). Run: chmod 600 {path}")
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    return parse_keys(lines)


def _create(path: Path, aside: Path, text: str) -> None:
    """Complete or absent, also after a power cut: two starting processes agree on one key, and none is ever lost.

    `aside` is a name that nothing else uses, so that what a killed process left there is in nobody's way.
    """
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first; its key counts
            os.link(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
