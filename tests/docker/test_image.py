"""`docker build` makes an image that runs the broker: not as root, with its data in a volume, and it stops cleanly."""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.sam.clients import Remote
from tests.support.client import ROOT

PATIENCE_SECONDS = 60


def docker(*arguments: str) -> str:
    run = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@dataclass(frozen=True)
class Container:
    id: str

    @property
    def log(self) -> str:
        run = subprocess.run(["docker", "logs", self.id], capture_output=True, text=True, check=True)
        return run.stdout + run.stderr

    def state(self, field: str) -> str:
        return docker("inspect", "--format", f"{{{{.State.{field}}}}}", self.id)

    def client(self) -> Remote:
        """Wait until the broker in the container is ready; return a client that has its admin token."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while "ready on" not in self.log:
            assert self.state("Running") == "true", self.log
            assert time.monotonic() < give_up, self.log
            time.sleep(0.1)
        port = docker("port", self.id, "3000/tcp").splitlines()[0].rpartition(":")[2]
        [token] = re.findall(r"TOKEN=(\S+)", self.log)
        return Remote(f"http://127.0.0.1:{port}", token)


@pytest.fixture(scope="module")
def image() -> str:
    docker_version = shutil.which("docker") and subprocess.run(["docker", "version"], capture_output=True, check=False)
    if not docker_version or docker_version.returncode:
        pytest.skip("Docker is needed, and does not respond")
    return docker("build", "--quiet", str(ROOT)).splitlines()[-1]


@pytest.fixture
def volume(image: str) -> Iterator[str]:
    name = docker("volume", "create")
    yield name
    docker("volume", "rm", name)


@contextlib.contextmanager
def running(image: str, volume: str) -> Iterator[Container]:
    container = Container(
        docker("run", "--detach", "--publish", "127.0.0.1:0:3000", "--volume", f"{volume}:/data", image)
    )
    try:
        yield container
    finally:
        docker("rm", "--force", container.id)


def test_published_messages_are_kept_when_the_container_is_removed(image: str, volume: str) -> None:
    with running(image, volume) as first:
        published = first.client().post("/topics/orders/messages", {"content": {"order": 1}})
        assert published.status == 201
        docker("stop", "--time", str(PATIENCE_SECONDS), first.id)
        assert (first.state("ExitCode"), first.state("OOMKilled")) == ("0", "false"), first.log

    with running(image, volume) as second:
        [message] = second.client().post("/topics/orders/consume").json["messages"]
        assert (message["id"], message["content"]) == (published.json["id"], {"order": 1})


def test_published_messages_are_kept_when_the_container_is_killed(image: str, volume: str) -> None:
    with running(image, volume) as first:
        published = first.client().post("/topics/orders/messages", {"content": 1})
        docker("kill", first.id)
    with running(image, volume) as second:
        [message] = second.client().post("/topics/orders/consume").json["messages"]
        assert message["id"] == published.json["id"]


def test_no_process_in_the_container_runs_as_root(image: str, volume: str) -> None:
    with running(image, volume) as container:
        container.client()
        users = {line.split()[0] for line in docker("top", container.id, "-eo", "user,pid").splitlines()[1:]}
        assert not users & {"root", "0"}


def test_the_image_has_only_the_files_of_the_broker(image: str) -> None:
    files = docker("run", "--rm", image, "ls", "-A").split()
    assert sorted(files) == ["functions", "layers", "local", "openapi.yaml", "requirements.lock", "template.yaml"]
