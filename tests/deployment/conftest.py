"""A broker behind the address of a stack."""

import pytest

from tests.support.runner import running


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """The address and the admin token of a broker."""
    data = tmp_path_factory.mktemp("broker")
    with running(data) as url:
        yield url, (data / "admin.token").read_text().strip()
