"""The admin token of `make run`, and the key of the tokens' checks.

`python -m local.token` prints both, to be set by hand where the data folder does not stay.
"""

import os
import sys
from functools import partial
from pathlib import Path

from local.secret_file import read_or_make
from local.settings import Settings
from local.terminal import CannotRun

sys.path.append(str(Path(__file__).resolve().parents[1] / "layers" / "broker"))

from broker import token_format


def read_keys(settings: Settings) -> tuple[str, ...]:
    """Return the keys in TOKEN_KEYS, else the one in the data folder, which is made once. Raises CannotRun."""
    file = settings.data / "token.key"
    try:
        return token_format.read_keys(settings.token_keys or read_or_make(file, token_format.new_key))
    except ValueError as error:
        raise CannotRun(str(error) if settings.token_keys else f"{file} has no key of tokens: remove it") from None


def admin_token(settings: Settings, keys: tuple[str, ...]) -> str:
    """Return BROKER_ADMIN_TOKEN, else the one in the data folder. That is made anew when its check is of another key.

    Raises CannotRun when the check of BROKER_ADMIN_TOKEN is of another key: every request with it would be refused.
    """
    if settings.admin_token is None:
        make, keep = partial(token_format.make, keys[0]), partial(token_format.verify, keys=keys)
        return read_or_make(settings.data / "admin.token", make, keep)
    if not token_format.verify(settings.admin_token, keys):
        raise CannotRun(
            "BROKER_ADMIN_TOKEN was not made with this broker's key: remove it, or set TOKEN_KEYS to the key that made"
            " it; `python -m local.token` makes both"
        )
    return settings.admin_token


def main() -> None:
    """Print a new admin token, and the keys: those of TOKEN_KEYS if it is set, else a new one."""
    setting = os.environ.get("TOKEN_KEYS") or token_format.new_key()
    print(f"TOKEN_KEYS={setting}\nBROKER_ADMIN_TOKEN={token_format.make(token_format.read_keys(setting)[0])}")


if __name__ == "__main__":
    main()
