"""The admin token of `make run` and the key of its check: made once, kept, and made anew when they do not fit."""

import subprocess
import sys
from dataclasses import replace

import pytest

from broker import token_format
from local import token
from local.settings import read as read_settings
from local.terminal import CannotRun
from tests.support.client import ROOT, TOKEN_KEY, make_token

OTHER_KEY = "x" * 42 + "A"


def test_a_token_is_made_for_a_key_that_is_set():
    keys = f"{OTHER_KEY},{TOKEN_KEY}"
    command = [sys.executable, "-m", "local.token"]
    printed = subprocess.run(
        command, cwd=ROOT, env={"TOKEN_KEYS": keys}, capture_output=True, text=True, check=True
    ).stdout
    assert printed.startswith(f"TOKEN_KEYS={keys}\nBROKER_ADMIN_TOKEN=brk_")
    assert token_format.verify(printed.split("=")[-1].strip(), [OTHER_KEY])


def settings_of(folder, **values):
    """The runner's settings, with its data in a folder."""
    return replace(read_settings(folder), data=folder, admin_token=None, token_keys=None, **values)


def test_a_token_of_the_data_folder_stays_while_its_check_is_of_the_key(tmp_path):
    settings = settings_of(tmp_path)
    keys = token.read_keys(settings)
    made = token.admin_token(settings, keys)
    assert token_format.verify(made, keys)
    assert token.read_keys(settings) == keys
    assert token.admin_token(settings, keys) == made
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
        "token.key": 0o600,
        "admin.token": 0o600,
    }


@pytest.mark.parametrize("old", ["brk_" + "a" * 43, make_token("a", OTHER_KEY), ""])
def test_a_token_of_the_data_folder_that_has_an_old_form_or_another_key_is_made_anew(tmp_path, old):
    (tmp_path / "admin.token").write_text(old + "\n")
    made = token.admin_token(settings_of(tmp_path), (TOKEN_KEY,))
    assert token_format.verify(made, [TOKEN_KEY])
    assert (tmp_path / "admin.token").read_text() == made + "\n"


def test_a_key_of_the_data_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "token.key").write_text("secret")
    with pytest.raises(CannotRun) as refused:
        token.read_keys(settings_of(tmp_path))
    assert str(refused.value) == f"{tmp_path}/token.key has no key of tokens: remove it"
