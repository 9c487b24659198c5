"""Settings: where they come from, and what is said when one is wrong."""

import re
from pathlib import Path

import pytest

from bridge.settings import PREFIX, Settings, SettingsError, describe, load


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the surroundings, and an empty folder without `.env`."""
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_the_defaults_work() -> None:
    """Loopback, port 8080, a SQLite file in the data folder."""
    settings = load()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.store_url == "sqlite:///data/bridge.db"
    assert settings.listens_on_loopback


WRONG = [
    ("PORT", "http", "http"),
    ("PORT", "-1", "0"),
    ("PORT", "65536", "65535"),
    ("LOG_LEVEL", "loud", "debug"),
    ("LOG_FORMAT", "xml", "console"),
    ("DRAIN_DELAY", "-1", "0"),
    ("SHUTDOWN_TIMEOUT", "0", "greater than 0"),
    ("SHUTDOWN_TIMEOUT", "nan", "31536000"),
    ("SHUTDOWN_TIMEOUT", "inf", "31536000"),
    ("MAX_WAIT", "301", "300"),
    ("BODY_LIMIT", "1", "1024"),
    ("CALLBACK_TOLERANCE", "0", "1"),
    ("QUEUE_LIMIT", "0", "1"),
    ("CONCURRENCY", "1.5", "integer"),
    ("CLIENT_ATTEMPTS", "11", "10"),
    ("CLIENT_RETRY_COST", "0", "1"),
    ("BREAKER_FAILURES", "0", "1"),
    ("ALLOW_PLAIN_HTTP", "perhaps", "boolean"),
    ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense", "nonsense"),
    ("UPSTREAM_ALLOW", "10.0.0.0/33", "network"),
    ("UPSTREAM_ALLOW", "if.internal,10.0.0.256", "network"),
    ("UPSTREAM_ALLOW", "if.internal,a b", "host name"),
]


@pytest.mark.parametrize(("name", "value", "allowed"), WRONG)
def test_a_wrong_setting_is_refused_with_name_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    """One line says which variable, what it holds, what it may hold, and what it is for."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    text = str(refused.value)
    assert PREFIX + name in text
    assert value.split(",")[-1] in text
    assert allowed in text
    assert (Settings.model_fields[name.lower()].description or "?") in text


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to start three times to learn of three mistakes."""
    for name in ("PORT", "MAX_WAIT", "LOG_LEVEL"):
        monkeypatch.setenv(PREFIX + name, "wrong")
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value).count("is 'wrong'") == 3


@pytest.mark.parametrize(
    ("name", "hint"), [("BRIDGE_PROT", "BRIDGE_PORT"), ("BRIDGE_DATABSE_URL", "BRIDGE_DATABASE_URL")]
)
def test_a_setting_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    """A typing mistake is not silently ignored, and the nearest name is offered."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"{name} is no setting.*{hint}"):
        load()


def test_a_setting_that_does_not_exist_is_refused_in_the_file_too(tmp_path: Path) -> None:
    """`.env` is read as strictly as the environment."""
    (tmp_path / ".env").write_text("BRIDGE_PROT=1\n")
    with pytest.raises(SettingsError, match=r"BRIDGE_PROT is no setting.*BRIDGE_PORT"):
        load()


def test_a_wrong_master_key_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key material never stands in what is printed; the settings' own text hides it, too."""
    monkeypatch.setenv("BRIDGE_MASTER_KEYS", "k1:c2VjcmV0")
    assert "c2VjcmV0" not in repr(load())
    assert "c2VjcmV0" not in str(load())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "bridge.example"])
def test_decided_plain_http_private_addresses_to_listen_on_need_a_word(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Listening for everybody without TLS is refused, with both ways out, until it is allowed."""
    monkeypatch.setenv("BRIDGE_HOST", host)
    with pytest.raises(SettingsError, match="BRIDGE_ALLOW_PLAIN_HTTP"):
        load()
    monkeypatch.setenv("BRIDGE_ALLOW_PLAIN_HTTP", "1")
    assert not load().listens_on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_counts_as_loopback(host: str) -> None:
    """Only what no other machine can reach."""
    assert load(host=host).listens_on_loopback


def test_flags_win_over_environment_over_file_over_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each source in turn; a flag that was not given changes nothing."""
    assert load().port == 8080
    (tmp_path / ".env").write_text("BRIDGE_PORT=1111\nBRIDGE_LOG_LEVEL=debug\nOTHER=1\n")
    assert load().port == 1111
    monkeypatch.setenv("BRIDGE_PORT", "2222")
    assert load().port == 2222
    assert load(port=3333).port == 3333
    assert load(port=None).port == 2222
    assert load().log_level == "debug"


def test_hosts_and_networks_may_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses, networks of both families, and names."""
    monkeypatch.setenv("BRIDGE_UPSTREAM_ALLOW", "10.0.0.0/8,192.0.2.1,fd00::/8,::1,if.internal,if_1.lan.")
    assert len(load().upstream_allow) == 6


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and empty parts do no harm."""
    monkeypatch.setenv("BRIDGE_TRUSTED_PROXIES", " 10.0.0.0/8, ,192.0.2.1 ,")
    assert load().trusted_proxies == ("10.0.0.0/8", "192.0.2.1")


def test_a_variable_of_the_tests_is_nobody_s_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """BRIDGE_TEST_… belongs to the tests."""
    monkeypatch.setenv("BRIDGE_TEST_POSTGRES_URL", "x")
    load()


def test_every_setting_is_documented() -> None:
    """Name, default and a sentence for each; times say that they are seconds, sizes that they are bytes."""
    rows = describe()
    assert [name for name, _, _ in rows] == [PREFIX + name.upper() for name in Settings.model_fields]
    for name, default, text in rows:
        assert len(text) > 10, name
        assert text.endswith("."), name
        assert "None" not in default, name


def test_every_default_is_acceptable() -> None:
    """What `describe` tells as the default can be set as it stands there, and is the default."""
    for name, default, _ in describe():
        member = name.removeprefix(PREFIX).lower()
        if default:
            assert getattr(load(**{member: default}), member) == getattr(load(), member)


def test_no_description_names_a_machine() -> None:
    """The table is for everybody."""
    assert not any(re.search(r"/(home|tmp|work|root)\b", text) for row in describe() for text in row)
