"""The broker under the real `sam local`: what `sam build` made, in Docker, on a PostgreSQL of this machine."""

import contextlib
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local.postgres import embedded
from local.postgres.programs import Programs
from local.secret_file import kept
from local.terminal import CannotRun
from tests.support.client import ROOT, template

SAM = ROOT / ".venv-sam" / "bin" / "sam"
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
PATIENCE_SECONDS = 180

# The function of each folder: {"publish": "Publish", …}
FUNCTIONS = {
    Path(resource["Properties"]["CodeUri"]).name: name
    for name, resource in template()["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}


class Unhandled(Exception):
    """A function ended with an exception, which `sam local` passes on as an answer: 200, with the trace."""


@dataclass(frozen=True)
class Bridge:
    """The network of Docker's containers, and this machine's address in it."""

    network: str
    address: str


@dataclass(frozen=True)
class Api:
    url: str
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Sam:
    """`sam local` with a built template and values for its parameters."""

    parameters: Mapping[str, str]
    template: Path = BUILT

    def invoke(self, folder: str, event: str) -> Any:
        """Run the function of a folder once, in a container of its own, and return its answer. Raises Unhandled."""
        command = self._command("invoke", FUNCTIONS[folder], "--event", "-")
        run = subprocess.run(command, input=event, capture_output=True, text=True, env=_environment(), check=False)
        if run.returncode != 0 or not run.stdout.strip():
            raise CannotRun(f"sam local invoke {FUNCTIONS[folder]}: {run.stderr.strip()}")
        return handled(json.loads(run.stdout))

    @contextlib.contextmanager
    def api(self, log: Path, *, port: int = 0, warm: str = "EAGER") -> Iterator[Api]:
        """Serve the routes until the end of the block, or of this process. Port 0 is a free one."""
        port = port or _free_port()
        command = self._command("start-api", "--warm-containers", warm, "--port", str(port))
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=_environment(), start_new_session=True)
        try:
            _await(process, log)
            yield Api(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            _remove_forgotten(log)

    def _command(self, verb: str, *arguments: str) -> list[str]:
        given = [f"{name}={value}" for name, value in self.parameters.items()]
        overrides = ["--parameter-overrides", *given] if given else []
        common = ("--skip-pull-image", "--template", str(self.template), *overrides)
        # ends with this process, as PostgreSQL does
        return Programs(SAM.parent, "none").command(SAM.name, "local", verb, *arguments, *common)


def handled(answer: Any) -> Any:
    """Return what a function answered. Raises Unhandled."""
    if isinstance(answer, dict) and answer.keys() & {"errorType", "errorMessage", "stackTrace"}:
        raise Unhandled(json.dumps(answer))
    return answer


def bridge() -> Bridge:
    """Find Docker's bridge. Raises CannotRun where containers cannot reach this machine by one."""
    if shutil.which("docker") is None:
        raise CannotRun("Docker is needed, and there is no `docker` on PATH")
    asked = subprocess.run(["docker", "network", "inspect", "bridge"], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise CannotRun(f"Docker does not answer: {asked.stderr.strip()}")
    [found] = json.loads(asked.stdout)
    config = next(each for each in found["IPAM"]["Config"] if "." in each["Subnet"])
    address = config.get("Gateway") or str(next(ipaddress.ip_network(config["Subnet"]).hosts()))
    try:
        socket.create_server((address, 0)).close()
    except OSError as error:
        raise CannotRun(f"{address}, the address of Docker's bridge, is not one of this machine's: {error}") from error
    return Bridge(config["Subnet"], address)


@contextlib.contextmanager
def broker(folder: Path, admin_token: str) -> Iterator[Sam]:
    """Run a PostgreSQL whose data stands in `folder`, with the schema up to date, and yield `sam local` on it.

    One that another process runs on the same folder is shared. Raises CannotRun, PostgresError.
    """
    if not SAM.exists() or not BUILT.exists():
        raise CannotRun("nothing is built: make build")
    network = bridge()
    folder.mkdir(parents=True, exist_ok=True)
    allowed = folder.absolute() / "pg_hba.conf"
    networks = ("127.0.0.1/32", network.network)
    allowed.write_text("".join(f"host all all {each} scram-sha-256\n" for each in networks))
    settings = {"listen_addresses": f"127.0.0.1,{network.address}", "hba_file": str(allowed)}
    with contextlib.ExitStack() as undo:
        shared = False
        try:
            undo.enter_context(embedded.start(folder, settings=settings))
        except embedded.PostgresError:
            shared = _answers(folder)
            if not shared:
                raise
        kept(folder / "functions.password", lambda: secrets.token_urlsafe(32))
        parameters = {
            "DatabaseUrl": _url(folder, network.address, "broker_functions", "functions.password"),
            "OwnerDatabaseUrl": _url(folder, network.address, "postgres", "postgres.password"),
            "AdminToken": admin_token,
            "AllowPrivateWebhooks": "true",
        }
        sam = Sam(parameters)
        if not shared:
            sam.invoke("migrate", "{}")
        yield sam


def _url(folder: Path, host: str, user: str, password: str) -> str:
    secret, port = ((folder / name).read_text().strip() for name in (password, "postgres.port"))
    return f"postgresql://{user}:{secret}@{host}:{port}/broker"


def _answers(folder: Path) -> bool:
    try:
        url = _url(folder, "127.0.0.1", "postgres", "postgres.password")
        psycopg.connect(url, connect_timeout=2).close()
    except (OSError, psycopg.OperationalError):
        return False
    return True


def _environment() -> dict[str, str]:
    """What sam is told of this machine. A variable that the template names would come before the template's value."""
    known = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or name.startswith("DOCKER")}
    return {**known, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def _await(process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while "Running on http" not in log.read_text():
        if process.poll() is not None or time.monotonic() > give_up:
            raise CannotRun(f"sam local start-api: {log.read_text().strip()[-2000:]}")
        time.sleep(0.1)


def _remove_forgotten(log: Path) -> None:
    """Remove the container that sam may lose sight of: its threads that make the first ones race for its registry."""
    if made := re.findall(r"SAM_CONTAINER_ID: (\w+)", log.read_text()):
        subprocess.run(["docker", "rm", "--force", *made], capture_output=True, check=False)
