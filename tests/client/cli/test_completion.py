"""The completion of a shell."""

from pathlib import Path

import pytest

from pgbroker.cli import topic_cache


@pytest.fixture
def complete(run):
    """What is offered for the last word."""

    def complete(*words: str, **changes: str) -> list[str]:
        request = {
            "_PGBROKER_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["pgbroker", *words]),
            "COMP_CWORD": str(len(words)),
        }
        shown = run(**{**request, **changes})
        assert shown.err == ""
        return [line.partition(",")[2] for line in shown.out.splitlines() if line]

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(run, shell):
    assert "_PGBROKER_COMPLETE" in run("completion", shell).out


def test_commands_and_options_are_completed(complete):
    assert complete("to") == ["topics", "tokens"]
    assert complete("topics", "s") == ["set", "show"]
    assert "--lease" in complete("consume", "--l")
    assert complete("topics", "--output", "nd") == ["ndjson"]


def test_names_of_topics_are_completed_and_kept_for_a_minute(complete, broker, topic, environment, monkeypatch):
    monkeypatch.setattr(topic_cache, "PATIENCE_SECONDS", 60)
    assert complete("consume", topic[:-2]) == [topic]
    [kept] = Path(environment["XDG_CACHE_HOME"]).rglob("topics-*.json")
    assert kept.stat().st_mode & 0o077 == 0
    broker.delete_topic(topic)
    assert complete("consume", topic[:-2]) == [topic]
    monkeypatch.setattr(topic_cache, "FRESH_SECONDS", 0)
    assert complete("consume", topic[:-2]) == []


def test_a_broker_that_is_down_completes_nothing_in_silence(complete):
    assert complete("consume", "a", BROKER="http://127.0.0.1:1") == []
    assert complete("consume", "a", TOKEN="brk_wrong") == []
