"""What the local runner reads from template.yaml, and from a small template of the tests."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from local.template import template
from local.template.values import TemplateError

ROOT = Path(template.__file__).parents[2]
HERE = {"LoginSecret": "postgresql://here", "Migrated.TokenKeys": "key"}
SMALL = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Url: {Type: String}
  Mode: {Type: String, Default: calm, AllowedValues: [calm, wild]}
  Token: {Type: String, Default: "", AllowedPattern: "^(t[0-9]+)?$"}
Resources:
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/echo
      Handler: app.handler
      Runtime: python3.13
      Environment: {Variables: {URL: !Ref Url, MODE: !Ref Mode, LEVEL: 3}}
      Events:
        Get: {Type: HttpApi, Properties: {Method: GET, Path: "/echo/{what}"}}
        Often: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
        Wake:
          Type: SQS
          Properties: {Queue: !GetAtt WakeUps.Arn, BatchSize: 3, ScalingConfig: {MaximumConcurrency: 2}}
  WakeUps: {Type: AWS::SQS::Queue}
"""


@pytest.fixture
def small(tmp_path):
    file = tmp_path / "template.yaml"
    file.write_text(SMALL)
    return file


@pytest.fixture(scope="module")
def translated(tmp_path_factory):
    file = tmp_path_factory.mktemp("small") / "template.yaml"
    file.write_text(SMALL)
    return template.translate(file)


@pytest.fixture(scope="module")
def translated_broker():
    return template.translate(ROOT / "template.yaml")


@pytest.fixture(scope="module")
def broker(translated_broker):
    return template.read(translated_broker, ROOT, {"Database": "postgresql://owner"}, resources=HERE)


def test_each_route_has_its_function(broker):
    routes = {(route.method, route.path): route.function.name for route in broker.routes}
    assert routes["POST", "/topics/{topic}/messages"] == "Publish"
    assert routes["GET", "/topics/{topic}/messages"] == "Manage"
    assert routes["POST", "/topics/{topic}/consume"] == "Consume"
    assert routes["DELETE", "/topics/{topic}/leases/{receipt}"] == "Consume"


def test_each_http_event_becomes_a_route(broker):
    source = (ROOT / "template.yaml").read_text()
    assert len(broker.routes) == source.count("Type: HttpApi,")


def test_a_function_has_its_folder_layer_and_limits(broker):
    publish, migrate = broker.functions["Publish"], broker.functions["Migrate"]
    assert publish.folder == ROOT / "functions/publish"
    assert publish.layers == (ROOT / "layers/broker",)
    assert (publish.handler, publish.memory_mb, publish.timeout_seconds) == ("app.handler", 512, 28)
    assert migrate.timeout_seconds == 740


def test_the_environment_of_a_function_has_the_parameters(broker):
    assert broker.functions["Publish"].environment["DATABASE_URL"] == "postgresql://here"
    assert broker.functions["Publish"].environment["OPTIONS"] == "{}"
    assert broker.functions["Publish"].environment["POWERTOOLS_SERVICE_NAME"] == "pgbroker"  # the name of the stack
    assert "OWNER_DATABASE_URL" not in broker.functions["Publish"].environment
    assert broker.functions["Migrate"].environment["OWNER_DATABASE_URL"] == "postgresql://owner"


def test_maintain_runs_once_a_day(broker):
    [daily] = broker.schedules
    assert (daily.function.name, daily.every) == ("Maintain", timedelta(days=1))


def test_each_queue_has_its_function(broker):
    sources = {source.function.name: source for source in broker.sources}
    assert {name: source.queue.name for name, source in sources.items()} == {
        "Dispatch": "DispatchQueue",
        "Deliver": "DeliveryQueue",
    }
    for source in broker.sources:
        assert source.batch_size == 10
        assert source.reports_failures
        assert source.queue.visibility_seconds >= 6 * source.function.timeout_seconds
        assert source.queue.retention_seconds == 24 * 3600  # the daily sweep finds what was lost
        assert (source.queue.max_receives, source.queue.last_resort) == (5, "LastResortQueue")
    assert (sources["Dispatch"].concurrency, sources["Deliver"].concurrency) == (8, 32)


def test_the_queue_of_the_last_resort_invokes_nothing(broker):
    last = broker.queues["LastResortQueue"]
    assert (last.retention_seconds, last.max_receives, last.last_resort) == (14 * 24 * 3600, 0, "")
    assert last not in [source.queue for source in broker.sources]


def test_a_queue_url_is_the_base_url_and_its_name(translated_broker, broker):
    assert broker.functions["Publish"].environment["DISPATCH_QUEUE_URL"] == "DispatchQueue"
    based = template.read(
        translated_broker,
        ROOT,
        {"Database": "postgresql://owner"},
        resources=HERE,
        queue_base_url="http://127.0.0.1:1/0/",
    )
    assert based.functions["Dispatch"].environment["DELIVERY_QUEUE_URL"] == "http://127.0.0.1:1/0/DeliveryQueue"


def test_deliver_does_not_get_the_database_url(broker):
    assert broker.functions["Deliver"].environment.keys() & {"DATABASE_URL", "OWNER_DATABASE_URL"} == set()


def test_a_small_template_is_read_completely(translated, tmp_path):
    small = template.read(translated, tmp_path, {"Url": "u"})
    echo = small.functions["Echo"]
    assert echo == template.Function(
        name="Echo",
        folder=tmp_path / "functions/echo",
        handler="app.handler",
        layers=(),
        timeout_seconds=3,
        memory_mb=128,
        environment={"URL": "u", "MODE": "calm", "LEVEL": "3"},
    )
    assert small.routes == (template.Route("GET", "/echo/{what}", echo),)
    assert small.schedules == (template.Schedule("EchoOften", timedelta(minutes=5), echo),)
    assert small.queues == {"WakeUps": template.Queue("WakeUps", visibility_seconds=30, retention_seconds=345_600)}
    [source] = small.sources
    assert (source.name, source.queue, source.function) == ("EchoWake", small.queues["WakeUps"], echo)
    assert (source.batch_size, source.concurrency, source.reports_failures) == (3, 2, False)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "the parameter Url needs a value"),
        ({"Url": "u", "Mode": "odd"}, "the parameter Mode must be one of"),
        ({"Url": "u", "Token": "x"}, "the parameter Token must match"),
        ({"Url": "u", "Colour": "red"}, "no parameter Colour"),
    ],
)
def test_a_parameter_that_the_template_does_not_allow_is_refused(translated, parameters, reason):
    with pytest.raises(TemplateError, match=reason):
        template.read(translated, ROOT, parameters)


@pytest.mark.parametrize(
    ("original", "replacement", "reason"),
    [
        pytest.param("rate(5 minutes)", "'cron(0 3 * * ? *)'", "EchoOften is cron", marks=pytest.mark.slow),
        pytest.param(
            "LEVEL: 3",
            "LEVEL: !GetAtt Echo.Arn",
            "LEVEL of Echo needs Echo.Arn, which does not exist here",
            marks=pytest.mark.slow,
        ),
        ("Path:", "Pfad:", "SAM template is not valid.* 'Path'"),
        pytest.param(
            "{Type: String}", "{Type: String", "SAM template is not valid: while parsing", marks=pytest.mark.slow
        ),
    ],
)
def test_an_error_names_what_the_runner_cannot_run(small, original, replacement, reason):
    small.write_text(SMALL.replace(original, replacement))
    with pytest.raises(TemplateError, match=reason):
        template.read(template.translate(small), ROOT, {"Url": "u"})


def test_a_translation_is_cached_until_the_template_changes(small, tmp_path):
    cache = tmp_path / "cache.json"
    template.translate(small, cache)
    key, translated = json.loads(cache.read_text())
    cache.write_text(json.dumps([key, {**translated, "Description": "from the cache"}]))

    assert template.translate(small, cache)["Description"] == "from the cache"

    small.write_text(SMALL + "\n# changed")
    assert "Description" not in template.translate(small, cache)
