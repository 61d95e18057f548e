"""The lines that docs/how-to/deploy.md gives for what the template leaves out: AWS's translator takes them."""

import re

import pytest
import yaml

from local.template import template
from scripts.dashboard import watch
from tests.support.client import ROOT

PAGE = (ROOT / "docs/how-to/deploy.md").read_text().partition("### Lines to add\n")[2].partition("\n## ")[0]
LINES = dict(re.findall(r"^\*\*(.+?)\*\*.*?```yaml\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
HERE = {"LoginSecret": "postgresql://here", "Migrated.TokenKeys": "key"}


def merge(into, lines):
    """Add what is in the lines under the names that are there already; a list becomes longer."""
    for name, value in lines.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        elif isinstance(value, list) and isinstance(into.get(name), list):
            into[name] += value
        else:
            into[name] = value


@pytest.fixture
def with_lines(tmp_path):
    """Expand the template with the lines of a heading; the local runner reads it too."""

    def translate(heading):
        whole = yaml.load((ROOT / "template.yaml").read_text(), watch.Loader)
        merge(whole, yaml.safe_load(LINES[heading]))
        file = tmp_path / "template.yaml"
        file.write_text(yaml.safe_dump(whole))
        translated = template.translate(file)
        read = template.read(translated, ROOT, {"Database": "postgresql://owner"}, resources=HERE)
        assert {route.function.name for route in read.routes} >= {"Publish", "Manage"}
        return translated

    return translate


def of_type(translated, kind):
    return [each["Properties"] for each in translated["Resources"].values() if each["Type"] == kind]


def test_each_heading_is_tried_here():
    assert LINES.keys() == {"A domain of your own", "Provisioned concurrency", "X-Ray"}


def test_a_domain(with_lines):
    translated = with_lines("A domain of your own")
    [domain] = of_type(translated, "AWS::ApiGatewayV2::DomainName")
    assert domain["DomainName"] == "broker.example.com"
    assert of_type(translated, "AWS::ApiGatewayV2::ApiMapping")
    assert translated["Outputs"]["Url"]["Value"] == "https://broker.example.com"


@pytest.mark.slow
def test_provisioned_concurrency(with_lines):
    [alias] = of_type(with_lines("Provisioned concurrency"), "AWS::Lambda::Alias")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}


@pytest.mark.slow
def test_x_ray(with_lines):
    translated = with_lines("X-Ray")
    functions = of_type(translated, "AWS::Lambda::Function")
    assert all(each["TracingConfig"] == {"Mode": "Active"} for each in functions)
    statements = translated["Resources"]["WriteLog"]["Properties"]["PolicyDocument"]["Statement"]
    assert any("xray:PutTraceSegments" in each["Action"] for each in statements)
