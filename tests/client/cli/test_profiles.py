"""login, logout and profiles: which broker and which token are used."""

import stat
from pathlib import Path

import pytest

from tests.client.cli.terminal import terminal


@pytest.fixture
def file(environment) -> Path:
    return Path(environment["XDG_CONFIG_HOME"]) / "pgbroker" / "config.toml"


@pytest.fixture
def outside(run):
    """The command without BROKER and TOKEN."""
    return lambda *arguments, **changes: run(*arguments, **{"BROKER": None, "TOKEN": None, **changes})


@pytest.fixture
def local(outside, running_broker):
    """A profile of the broker."""
    assert outside("login", "--url", running_broker.url, "--profile", "local", stdin=running_broker.token).code == 0


def test_a_login_is_stored_for_its_owner_only(outside, file, running_broker):
    logged_in = outside("login", "--url", f"{running_broker.url}/", stdin=f"{running_broker.token}\n")
    assert logged_in.item["name"] == "admin"
    assert running_broker.token not in logged_in.out + logged_in.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert outside("tokens", "self").item["name"] == "admin"


def test_a_login_that_the_broker_refuses_stores_nothing(outside, file, running_broker):
    assert outside("login", "--url", running_broker.url, stdin="brk_wrong").code == 4
    assert outside("login", "--url", running_broker.url, stdin="").code == 2
    assert not file.exists()


@pytest.mark.usefixtures("local")
def test_a_file_that_others_may_read_is_refused(outside, file):
    file.chmod(0o640)
    refused = outside("tokens", "self")
    assert (refused.code, f"chmod 600 {file}" in refused.problem["detail"]) == (2, True)


@pytest.mark.usefixtures("local")
def test_a_file_with_a_fault_is_named(outside, file):
    file.write_text("[profiles.local]\nurl = 1\n")
    assert str(file) in outside("profiles").problem["detail"]
    file.write_text("nonsense")
    assert outside("profiles").code == 2


@pytest.mark.usefixtures("local")
def test_the_order_is_options_then_environment_then_profiles(outside, broker, running_broker):
    other = broker.mint_token("order-of-tokens", ["publish"])
    name = ["tokens", "self", "--output", "raw", "--columns", "name"]
    assert outside(*name).out == "admin\n"
    assert outside(*name, TOKEN=other.token).out == "order-of-tokens\n"
    assert outside(*name, TOKEN=other.token, BROKER=running_broker.url).out == "order-of-tokens\n"
    assert outside(*name, "--profile", "local", TOKEN=other.token, BROKER="http://127.0.0.1:1").out == "admin\n"
    assert outside(*name, PGBROKER_PROFILE="nobody").code == 2
    assert outside(*name, "--profile", "nobody").code == 2
    broker.revoke_token(other.id)


@pytest.mark.usefixtures("local")
def test_a_stored_token_goes_to_its_own_address_only(outside, endpoint):
    outside("tokens", "self", "--url", endpoint.url)
    outside("tokens", "self", BROKER=endpoint.url)
    outside("tokens", "self", "--profile", "local", "--url", endpoint.url)
    assert len(endpoint.requests) == 3
    assert [request for request in endpoint.requests if "authorization" in request.headers] == []


def test_a_command_may_print_the_token(outside, file, running_broker, tmp_path):
    (tmp_path / "token").write_text(running_broker.token)
    command = f"cat {tmp_path / 'token'}"
    assert outside("login", "--url", running_broker.url, "--token-command", command).code == 0
    assert running_broker.token not in file.read_text()
    assert outside("tokens", "self").code == 0
    (tmp_path / "token").unlink()
    assert outside("tokens", "self").code == 2


@pytest.mark.usefixtures("local")
def test_profiles_are_listed_chosen_and_removed(outside, running_broker):
    outside("login", "--url", running_broker.url, "--profile", 'say "hi"', stdin=running_broker.token)
    assert [(each["name"], each["default"]) for each in outside("profiles").lines] == [
        ("local", False),
        ('say "hi"', True),
    ]
    assert outside("profiles", "use", "local").code == 0
    assert [each["default"] for each in outside("profiles", "ls").lines] == [True, False]
    assert outside("profiles", "use", "nobody").code == 2
    assert outside("profiles", "rm", 'say "hi"', "--yes").code == 0
    assert outside("profiles", "rm", "nobody", "--yes", "--missing-ok").code == 0
    assert outside("logout").code == 0
    assert outside("profiles").lines == []
    assert outside("logout").code == 1


def test_a_terminal_asks_for_the_address_and_hides_the_token(environment, file, running_broker):
    bare = {name: value for name, value in environment.items() if name not in {"BROKER", "TOKEN"}}
    with terminal(["login"], bare) as screen:
        screen.wait_for("url [http://127.0.0.1:3000]: ")
        screen.type(f"{running_broker.url}\n")
        screen.wait_for("token: ")
        screen.type(f"{running_broker.token}\n")
        assert screen.end() == 0
    assert running_broker.token not in screen.shown
    assert "admin" in screen.shown
    assert running_broker.token in file.read_text()
