"""The broker in the real `sam local`: the result of `sam build`, in Docker, with a PostgreSQL on this machine."""

import contextlib
import hashlib
import ipaddress
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from local.postgres import embedded
from local.postgres.programs import Programs
from local.secret_file import read_or_make
from local.terminal import CannotRun
from scripts import deploy
from tests.support.client import ROOT, template

SAM = ROOT / ".venv-sam" / "bin" / "sam"
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
PATIENCE_SECONDS = 180

# the function of each folder: {"publish": "Publish", …}
FUNCTIONS = {
    Path(resource["Properties"]["CodeUri"]).name: name
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}


class Unhandled(Exception):
    """A function ended with an exception. `sam local` returns this as an answer: 200, with the trace."""


@dataclass(frozen=True)
class Bridge:
    """The network of Docker's containers, and the address of this machine in it."""

    network: str
    address: str


@dataclass(frozen=True)
class Api:
    url: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Sam:
    """`sam local` with a built template, the values of its parameters, and variables of its functions."""

    parameters: Mapping[str, str]
    template: Path = BUILT
    variables: Mapping[str, str] = field(default_factory=dict)

    def invoke(self, folder: str, event: str) -> Any:
        """Run the function of a folder once, in its own container, and return its answer. Raises Unhandled."""
        command = self._command("invoke", FUNCTIONS[folder], "--event", "-")
        environment = {**_environment(), **self.variables}
        run = subprocess.run(command, input=event, capture_output=True, text=True, env=environment, check=False)
        if run.returncode != 0 or not run.stdout.strip():
            raise CannotRun(f"sam local invoke {FUNCTIONS[folder]}: {run.stderr.strip()}")
        return check_answer(json.loads(run.stdout))

    @contextlib.contextmanager
    def api(self, log: Path, *, port: int = 0, warm: str = "EAGER") -> Iterator[Api]:
        """Serve the routes until the end of the block or of this process. Port 0 picks a free port."""
        port = port or _free_port()
        command = self._command("start-api", "--warm-containers", warm, "--port", str(port))
        environment = {**_environment(), **self.variables}
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
        try:
            _wait_until_ready(process, log)
            yield Api(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            _remove_lost_containers(log)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        parameters = [deploy.override(name, value) for name, value in self.parameters.items()]
        overrides = ["--parameter-overrides", *parameters] if parameters else []
        common = ("--skip-pull-image", "--template", str(self.template), *overrides)
        # so it ends with this process, as PostgreSQL does
        return Programs(SAM.parent, "none").command(SAM.name, "local", verb, *arguments, *common)


def check_answer(answer: Any) -> Any:
    """Return the answer of a function. Raises Unhandled."""
    if isinstance(answer, dict) and answer.keys() & {"errorType", "errorMessage", "stackTrace"}:
        raise Unhandled(json.dumps(answer))
    return answer


def find_bridge() -> Bridge:
    """Find Docker's bridge. Raises CannotRun if containers cannot reach this machine through it."""
    if shutil.which("docker") is None:
        raise CannotRun("Docker is needed, and there is no `docker` on PATH")
    inspection = subprocess.run(["docker", "network", "inspect", "bridge"], capture_output=True, text=True, check=False)
    if inspection.returncode != 0:
        raise CannotRun(f"Docker does not respond: {inspection.stderr.strip()}")
    [description] = json.loads(inspection.stdout)
    config = next(each for each in description["IPAM"]["Config"] if "." in each["Subnet"])
    address = config.get("Gateway") or str(next(ipaddress.ip_network(config["Subnet"]).hosts()))
    try:
        socket.create_server((address, 0)).close()
    except OSError as error:
        raise CannotRun(f"this machine does not have {address}, the address of Docker's bridge: {error}") from error
    return Bridge(config["Subnet"], address)


@contextlib.contextmanager
def broker(folder: Path, admin_token: str, token_key: str) -> Iterator[Sam]:
    """Run PostgreSQL with its data in `folder`, bring its schema up to date, and yield `sam local` for it.

    If another process already runs the PostgreSQL of this folder, both use it. Raises CannotRun, PostgresError.
    """
    if not SAM.exists() or not BUILT.exists():
        raise CannotRun("nothing is built: run `make build` first")
    bridge = find_bridge()
    folder.mkdir(parents=True, exist_ok=True)
    access_rules = folder.absolute() / "pg_hba.conf"
    networks = ("127.0.0.1/32", bridge.network)
    access_rules.write_text("".join(f"host all all {each} scram-sha-256\n" for each in networks))
    settings = {"listen_addresses": f"127.0.0.1,{bridge.address}", "hba_file": str(access_rules)}
    with contextlib.ExitStack() as undo:
        shared = False
        try:
            undo.enter_context(embedded.start(folder, settings=settings))
        except embedded.PostgresError:
            shared = _accepts_connections(folder)
            if not shared:
                raise
        read_or_make(folder / "functions.password", lambda: secrets.token_urlsafe(32))
        parameters = {
            "Database": _url(folder, bridge.address, "postgres", "postgres.password"),
            "Options": '{"allow_private_webhooks": true}',
        }
        # what the template takes from resources that exist on AWS only
        url = _url(folder, bridge.address, "broker_functions", "functions.password")
        sam = Sam(parameters, variables={"DATABASE_URL": url, "TOKEN_KEYS": token_key})
        if not shared:
            sam.invoke("migrate", json.dumps({"admin_token_hash": hashlib.sha256(admin_token.encode()).hexdigest()}))
        yield sam


def _url(folder: Path, host: str, user: str, password: str) -> str:
    secret, port = ((folder / name).read_text().strip() for name in (password, "postgres.port"))
    return f"postgresql://{user}:{secret}@{host}:{port}/broker?sslmode=disable"  # the embedded one has no TLS


def _accepts_connections(folder: Path) -> bool:
    try:
        url = _url(folder, "127.0.0.1", "postgres", "postgres.password")
        psycopg.connect(url, connect_timeout=2).close()
    except (OSError, psycopg.OperationalError):
        return False
    return True


def _environment() -> dict[str, str]:
    """The environment for sam. In it, a variable that the template names would replace the template's value."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("DOCKER")}
    return {**kept, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while "Running on http" not in log.read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise CannotRun(f"sam local start-api: {log.read_text().strip()[-2000:]}")
        time.sleep(0.1)


def _remove_lost_containers(log: Path) -> None:
    """Remove a container that sam may forget: the threads that create its first containers race for its registry."""
    if containers := re.findall(r"SAM_CONTAINER_ID: (\w+)", log.read_text()):
        subprocess.run(["docker", "rm", "--force", *containers], capture_output=True, check=False)
