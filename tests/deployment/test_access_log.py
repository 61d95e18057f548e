"""The access log of the API: what it has, and what it never has."""

import json
import re

from tests.deployment import resources
from tests.support.client import ROOT

[STAGE] = [each["Properties"] for each in resources.resources().values() if each["Type"] == "AWS::ApiGatewayV2::Stage"]
FORMAT = STAGE["AccessLogSettings"]["Format"]
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
VARIABLES = {
    "$context.integration.requestId",
    "$context.requestId",
    "$context.requestTimeEpoch",
    "$context.identity.sourceIp",
    "$context.routeKey",
    "$context.status",
    "$context.responseLatency",
    "$context.integrationLatency",
    "$context.responseLength",
    "$context.error.message",
}


def test_a_line_is_json_of_variables_that_api_gateway_documents():
    assert set(json.loads(FORMAT).values()) == VARIABLES


def test_a_line_has_nothing_that_a_client_writes():
    """No path, which may have a receipt; no query, no header, no agent, and no body."""
    for word in ("path", "query", "header", "userAgent", "authorizer", "body", "Authorization"):
        assert word.lower() not in FORMAT.lower()


def test_it_has_a_log_group_of_its_own_for_thirty_days():
    assert STAGE["AccessLogSettings"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Arn"]}
    group = resources.resources()["AccessLog"]["Properties"]
    assert group["RetentionInDays"] == 30
    # the policy that lets API Gateway write covers all names that begin so
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


def test_the_page_names_its_fields():
    page = (ROOT / "docs/how-to/watch.md").read_text()
    [sentence] = re.findall(r"The access log has (.*?)\n\n", page, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == json.loads(FORMAT).keys()
