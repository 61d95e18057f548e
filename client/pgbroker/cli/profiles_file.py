"""The file of profiles: the brokers that are stored, each with a token or a command that prints it."""

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pgbroker.cli.exits import Misused

if TYPE_CHECKING:
    from pgbroker.cli.session import Session

OTHERS = 0o077


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A broker's address, and a token or a shell command that prints it."""

    url: str
    token: str | None = None
    token_command: str | None = None


class Profiles(msgspec.Struct, forbid_unknown_fields=True):
    """All stored profiles; `default` is the name of the one to use."""

    default: str | None = None
    profiles: dict[str, Profile] = {}


class Target(NamedTuple):
    """Which broker to use, and with which token; None is for what the client takes by default."""

    url: str | None
    token: str | None


def file() -> Path:
    """Return the path of the file, in the user's folder for configurations (XDG Base Directory)."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "pgbroker" / "config.toml"


def read() -> Profiles:
    """Read the profiles; none without a file. Raises Misused for a file that others may read, or with a fault."""
    path = file()
    try:
        with path.open("rb") as source:
            mode = os.fstat(source.fileno()).st_mode & 0o777
            if os.name == "posix" and mode & OTHERS:
                raise Misused(f"{path} has tokens, and others may read it: chmod 600 {path}")
            return msgspec.convert(tomllib.load(source), Profiles)
    except FileNotFoundError:
        return Profiles()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Misused(f"{path}: {error}") from error


def write(profiles: Profiles) -> None:
    """Replace the file, at once and readable for its owner only."""
    path = file().resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(_toml(profiles))
    new.replace(path)


def remove(name: str) -> None:
    """Remove a profile. Raises Misused when there is none."""
    stored = read()
    if stored.profiles.pop(name, None) is None:
        raise missing(name)
    if stored.default == name:
        stored.default = None  # no other one: it may be of production
    write(stored)


def missing(name: str) -> Misused:
    """Return the error for a profile that is not there."""
    return Misused(f"there is no profile {name!r} in {file()}")


def reach(session: "Session") -> Target:
    """Say which broker to use: the options', that of $BROKER and $TOKEN, or that of a profile.

    The token of a profile goes to the address of this profile only.
    """
    if session.target is not None:
        return session.target
    url, token = session.url, None
    if session.profile is None:
        url, token = url or os.environ.get("BROKER"), os.environ.get("TOKEN")
        if url and token:
            return Target(url, token)
    profile = _chosen(session.profile)
    if profile is None:
        return Target(url, token)
    if token is None and (url is None or url.rstrip("/") == profile.url.rstrip("/")):
        token = read_token(profile)
    return Target(url or profile.url, token)


def read_token(profile: Profile) -> str | None:
    """Return the token of a profile. Raises Misused when its command fails."""
    return profile.token if profile.token_command is None else _run(profile.token_command)


def _chosen(name: str | None) -> Profile | None:
    stored = read()
    name = name or os.environ.get("PGBROKER_PROFILE") or stored.default
    if name is None:
        return None
    if name not in stored.profiles:
        raise missing(name)
    return stored.profiles[name]


def _run(command: str) -> str:
    run = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S602  the user's own
    if run.returncode:
        raise Misused(f"the token_command of the profile ended with {run.returncode}")
    return run.stdout.strip()


def _toml(profiles: Profiles) -> str:
    lines = [f"default = {_string(profiles.default)}"] if profiles.default else []
    for name, profile in profiles.profiles.items():
        lines += ["", f"[profiles.{_string(name)}]"]
        values = msgspec.structs.asdict(profile)
        lines += [f"{key} = {_string(value)}" for key, value in values.items() if value is not None]
    return "\n".join(lines).lstrip() + "\n"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
