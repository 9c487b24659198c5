"""Secrets at rest: what is sealed opens in its place and nowhere else, under any configured key, and keys are safe."""

import base64
import itertools
import multiprocessing
import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bridge.security.vault import Vault, VaultError, load_or_create, parse_keys
from bridge.system import SystemIds, SystemRng

ONE, TWO = b"1" * 32, b"2" * 32
SECRET = "a secret that is nobody's business"
PLACE = {"table": "connections", "row": "c1", "column": "infrafabric_api_key"}


def _vault(**keys: bytes) -> Vault:
    return Vault(keys, SystemRng())


def test_F6_what_is_sealed_opens_in_its_place() -> None:
    """Round trip, for text of any kind and length."""
    vault = _vault(k1=ONE)
    for text in ("", "x", SECRET, "ü€😀\x00\n", "x" * 100_000):
        sealed = vault.seal(text, **PLACE)
        assert vault.open(sealed, **PLACE) == text
        assert not text or len(text) < 3 or text not in sealed


def test_F6_it_is_aes_256_gcm_with_the_place_as_associated_data() -> None:
    """Decrypted here by hand: format, nonce, algorithm and bound data are what the design says."""
    sealed = _vault(k1=ONE).seal(SECRET, **PLACE)
    version, key_id, data = sealed.split(".")
    raw = base64.urlsafe_b64decode(data)
    bound = b'["connections", "c1", "infrafabric_api_key", "k1"]'
    assert (version, key_id) == ("v1", "k1")
    assert AESGCM(ONE).decrypt(raw[:12], raw[12:], bound).decode() == SECRET
    with pytest.raises(InvalidTag):
        AESGCM(ONE).decrypt(raw[:12], raw[12:], None)


def test_F7_no_nonce_is_used_twice() -> None:
    """The same text sealed a thousand times has a thousand nonces."""
    vault = _vault(k1=ONE)
    nonces = {base64.urlsafe_b64decode(vault.seal("x", **PLACE).split(".")[2])[:12] for _ in range(1000)}
    assert len(nonces) == 1000


@pytest.mark.parametrize("part", PLACE)
def test_F6_a_sealed_text_moved_elsewhere_does_not_open(part: str) -> None:
    """Another table, row or column: whoever can write the database cannot swap secrets around."""
    vault = _vault(k1=ONE)
    sealed = vault.seal(SECRET, **PLACE)
    with pytest.raises(VaultError, match="moved"):
        vault.open(sealed, **PLACE | {part: PLACE[part] + "x"})


def test_F6_names_that_run_together_are_different_places() -> None:
    """The borders between table, row and column are part of what is bound."""
    vault = _vault(k1=ONE)
    sealed = vault.seal(SECRET, table="a", row="bc", column="d")
    for place in (("ab", "c", "d"), ("a", "b", "cd"), ('a", "b', "c", "d")):
        with pytest.raises(VaultError):
            vault.open(sealed, **dict(zip(("table", "row", "column"), place, strict=True)))


def test_F6_the_key_s_name_is_bound_too() -> None:
    """Two names for the same key bytes are two keys."""
    version, _, data = _vault(k1=ONE).seal(SECRET, **PLACE).split(".")
    with pytest.raises(VaultError):
        _vault(k1=ONE, k2=ONE).open(f"{version}.k2.{data}", **PLACE)


def test_F6_every_changed_byte_is_noticed() -> None:
    """Nonce, ciphertext and tag: one flipped bit anywhere and it does not open."""
    vault = _vault(k1=ONE)
    version, key_id, data = vault.seal("secret", **PLACE).split(".")
    raw = base64.urlsafe_b64decode(data)
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            vault.open(f"{version}.{key_id}.{base64.urlsafe_b64encode(changed).decode()}", **PLACE)


@pytest.mark.parametrize(
    "sealed",
    ["", "plain text", "v1", "v1.k1", "v1.k1.", "v1.k1.!!", "v2.k1.AAAA", "v1.k1.AAAA", "v1.k1.AAAA.x"],
)
def test_F6_nonsense_is_refused_and_not_taken_for_plain_text(sealed: str) -> None:
    """Whatever stands in the column, only a sealed text comes out opened."""
    with pytest.raises(VaultError):
        _vault(k1=ONE).open(sealed, **PLACE)


def test_F6_the_first_key_seals_and_all_open() -> None:
    """That is all a rotation needs: the new key in front, the old one behind, re-seal, drop the old one."""
    old, both, new = _vault(k1=ONE), _vault(k2=TWO, k1=ONE), _vault(k2=TWO)
    sealed = old.seal(SECRET, **PLACE)
    assert both.key_of(sealed) == "k1"
    resealed = both.seal(both.open(sealed, **PLACE), **PLACE)
    assert both.key_of(resealed) == "k2"
    assert new.open(resealed, **PLACE) == SECRET
    with pytest.raises(VaultError, match="'k1', which is not configured"):
        new.open(sealed, **PLACE)


def test_F6_a_wrong_key_is_refused() -> None:
    """Another key under the same name opens nothing."""
    with pytest.raises(VaultError):
        _vault(k1=TWO).open(_vault(k1=ONE).seal(SECRET, **PLACE), **PLACE)


def test_F6_an_error_never_quotes_a_secret_or_a_key() -> None:
    """Neither text nor key material stands in what is raised."""
    sealed = _vault(k1=ONE).seal(SECRET, **PLACE)
    with pytest.raises(VaultError) as error:
        _vault(k1=TWO).open(sealed, **PLACE)
    assert SECRET not in str(error.value)
    assert sealed not in str(error.value)
    with pytest.raises(VaultError) as error:
        parse_keys(["k1:" + base64.b64encode(b"short").decode()])
    assert "short" not in str(error.value)
    assert base64.b64encode(b"short").decode() not in str(error.value)


def test_a_fingerprint_tells_secrets_apart_without_telling_them() -> None:
    """Same secret, same fingerprint; it depends on the master key, so that it cannot be looked up in a table."""
    vault = _vault(k1=ONE)
    assert vault.fingerprint("a") == vault.fingerprint("a") != vault.fingerprint("b")
    assert vault.fingerprint("a") != _vault(k1=TWO).fingerprint("a")


@pytest.mark.parametrize(
    "entries",
    [
        ["k1"],
        ["k1:"],
        [":" + base64.b64encode(ONE).decode()],
        ["k1:not base64"],
        ["k1:" + base64.b64encode(b"1" * 31).decode()],
        ["k1:" + base64.b64encode(b"1" * 33).decode()],
        ["k.1:" + base64.b64encode(ONE).decode()],
        ["k1:" + base64.b64encode(ONE).decode(), "k1:" + base64.b64encode(TWO).decode()],
    ],
)
def test_a_master_key_that_cannot_be_right_is_refused(entries: list[str]) -> None:
    """Wrong length, form or a name used twice stops the start; nothing is sealed with half a key."""
    with pytest.raises(VaultError, match="Master key"):
        parse_keys(entries)


def test_no_master_key_at_all_is_refused() -> None:
    """Fail closed."""
    with pytest.raises(VaultError, match="no master key"):
        Vault({}, SystemRng())


# ---- the key file ---------------------------------------------------------------------------------------------------


def test_the_key_file_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """0600 whatever the umask says, the same key at every later start, and never written again."""
    path = tmp_path / "master.keys"
    before = os.umask(0)
    try:
        made = load_or_create(path, SystemIds(), SystemRng())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    content, changed_at = path.read_bytes(), path.stat().st_mtime_ns
    assert load_or_create(path, SystemIds(), SystemRng()) == made
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (content, changed_at)
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.keys"]


def test_a_damaged_key_file_is_not_overwritten(tmp_path: Path) -> None:
    """Whatever is in the file, it may be the only thing that opens the database: it stays as it is."""
    path = tmp_path / "master.keys"
    path.write_text("k1:damaged\n")
    path.chmod(0o600)
    with pytest.raises(VaultError):
        load_or_create(path, SystemIds(), SystemRng())
    assert path.read_text() == "k1:damaged\n"


def test_an_empty_key_file_is_not_taken_for_a_first_start(tmp_path: Path) -> None:
    """A disk that was full once must not make the bridge seal with a new key beside secrets it cannot open."""
    path = tmp_path / "master.keys"
    path.touch(mode=0o600)
    keys = load_or_create(path, SystemIds(), SystemRng())
    with pytest.raises(VaultError):
        Vault(keys, SystemRng())
    assert path.read_bytes() == b""


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The refusal says which command makes it right."""
    path = tmp_path / "master.keys"
    load_or_create(path, SystemIds(), SystemRng())
    path.chmod(mode)
    with pytest.raises(VaultError, match="chmod 600"):
        load_or_create(path, SystemIds(), SystemRng())


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """Eight first starts at the same moment: one file, one key, no half of one ever seen."""
    path = tmp_path / "master.keys"
    with multiprocessing.get_context("fork").Pool(8) as pool:
        found = pool.map(_load, [path] * 32)
    assert all(keys == found[0] for keys in found)
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.keys"]


def _load(path: Path) -> dict[str, bytes]:
    return load_or_create(path, SystemIds(), SystemRng())


def test_a_process_that_dies_while_it_makes_the_file_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted before the file is complete, there is no file under its name, and the next start makes one."""

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "master.keys"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dies)
        with pytest.raises(KeyboardInterrupt):
            load_or_create(path, SystemIds(), SystemRng())
    assert list(tmp_path.iterdir()) == []
    assert load_or_create(path, SystemIds(), SystemRng())


def test_ids_of_new_keys_differ() -> None:
    """Two installations never name different keys alike."""
    names = [SystemIds().new("mk") for _ in range(100)]
    assert len(set(names)) == 100
    assert all(a != b for a, b in itertools.pairwise(names))


def test_what_a_killed_process_left_does_not_stop_the_next_start(tmp_path: Path) -> None:
    """In a container every process has the same number: a leftover half of a file must be in nobody's way."""
    path = tmp_path / "master.keys"
    for name in (f".master.keys.{os.getpid()}", ".master.keys", ".master.keys.1"):
        (tmp_path / name).write_text("half a ke")
    assert load_or_create(path, SystemIds(), SystemRng())
    assert path.stat().st_mode & 0o777 == 0o600
