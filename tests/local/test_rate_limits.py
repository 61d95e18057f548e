"""The limit of a token under `make run`, whose workers each count for themselves."""

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.runner import running, until


@pytest.mark.slow
def test_make_run_refuses_what_a_token_sends_over_its_limit_and_takes_it_later(tmp_path: Path) -> None:
    with running(tmp_path / "data") as url:
        admin = {"Authorization": f"Bearer {(tmp_path / 'data' / 'admin.token').read_text().strip()}"}
        request = {"name": "till-3", "scopes": ["publish"], "requests_per_second": 1}
        minted = requests.post(f"{url}/tokens", json=request, headers=admin, timeout=30).json()
        responses: list[Any] = []

        def publish() -> int:
            responses.append(
                requests.post(
                    f"{url}/topics/orders/messages",
                    json={"content": 1},
                    headers={"Authorization": f"Bearer {minted['token']}"},
                    timeout=30,
                )
            )
            return int(responses[-1].status_code)

        until(lambda: publish() == 429)
        refused = responses[-1]
        until(lambda: publish() == 201)

        assert {each.status_code for each in responses} == {201, 429}
        stored = sum(each.status_code == 201 for each in responses)
        topic = requests.get(f"{url}/topics/orders", headers=admin, timeout=30).json()
        assert topic["queue"]["waiting"] == stored
        assert {each.headers["RateLimit-Policy"] for each in responses} == {'"requests_per_second";q=1;w=1'}
        assert {each.headers["RateLimit"] for each in responses} == {'"requests_per_second";r=0;t=1'}
        assert (refused.headers["Retry-After"], refused.headers["Content-Type"]) == ("1", "application/problem+json")
        assert refused.json()["violated-policies"] == ["requests_per_second"]
