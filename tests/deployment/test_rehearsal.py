"""A dress rehearsal: the functions with the environments, rights, queues and secrets of the template, in moto.

Each function runs with its own variables and as its own role. Its calls to AWS go to a real endpoint, which asks IAM
about each before it answers.
"""

import io
import json
import os
import re
from contextlib import contextmanager

import pytest

from broker import authorities, authorization, database, settings, setup
from broker.aws import secrets
from broker.connection import parse, to_url
from broker.dispatch import notifier
from tests.deployment import account, resources
from tests.deployment.cloudformation import CloudFormation
from tests.support.aurora import HOST, aurora
from tests.support.aws import REGION, Aws
from tests.support.client import Client, Context, app, routes
from tests.support.endpoints import Endpoint, answers

ROUNDS = 20
OF_MOTO = "FOOBARKEY"  # the access key of boto3, which is Setup's alone


class Iam(Aws):
    """AWS, which refuses what the role of the calling function does not permit. The access key is its name."""

    def __init__(self, deployed):
        self.deployed = deployed
        self.permitted, self.refused = set(), set()
        super().__init__()

    def moto(self, transport):
        request = self.requests[-1]
        function = re.search(r"Credential=(\w+)/", request.headers["authorization"])[1].replace(OF_MOTO, "Setup")
        asked = self.asked(request)
        if self.deployed.permits(function, *asked):
            self.permitted.add((function, *asked))
            super().moto(transport)
        else:
            self.refused.add((function, *asked))
            answers(400, {}, b'{"__type": "com.amazonaws#AccessDeniedException"}')(transport)

    def permits_login(self, key, user):
        asked = (key, "rds-db:connect", user)
        permitted = self.deployed.permits(*asked)
        (self.permitted if permitted else self.refused).add(asked)
        return permitted

    def asked(self, request):
        """The action in IAM's words, and the resource's name in the template."""
        service, _, operation = request.headers["x-amz-target"].partition(".")
        body = json.loads(request.body)
        if service == "AmazonSQS":
            return operation.replace("MessageBatch", "Message").join(["sqs:", ""]), self.name(body["QueueUrl"])
        return f"secretsmanager:{operation}", self.name(body["SecretId"])

    def name(self, physical):
        named = {**self.deployed.names, "Owner": self.deployed.arns["Owner"]}
        [found] = [name for name, value in named.items() if value == physical]
        return found


class Stack:
    """The deployed functions, invoked by their names in the template."""

    def __init__(self, deployed, aws):
        self.deployed = deployed
        self.aws = aws
        self.token_keys = ""

    @contextmanager
    def as_function(self, name):
        """Let this process be a new environment of a function."""
        before = dict(os.environ)
        given = self.deployed.environment(name)
        if "TOKEN_KEYS" in given:
            given["TOKEN_KEYS"] = self.token_keys
        os.environ.clear()
        os.environ.update(
            {
                **given,
                **{name: before[name] for name in ("PATH", "PGHOSTADDR") if name in before},
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": name,
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_ENDPOINT_URL": self.aws.url,
            }
        )
        try:
            _forget()
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
            _forget()

    def invoke(self, name, event):
        with self.as_function(name):
            return app(resources.folder(name)).handler(event, Context())

    def request(self, token, method, target, content=None):
        """Send an HTTP request; return its status and its document."""
        event = Client(token).event(method, target, content)
        folder = routes()[event["routeKey"]]
        [name] = [each for each in resources.functions() if resources.folder(each) == folder]
        response = self.invoke(name, event)
        return response["statusCode"], json.loads(response["body"])

    def run_event_sources(self):
        """Give what is in the queues to their functions, as Lambda does with their rights, until they are empty."""
        sources = [
            each["Properties"] for each in resources.resources().values() if each["Type"].endswith("EventSourceMapping")
        ]
        assert sources
        for _ in range(ROUNDS):
            if sum(self._poll(source) for source in sources) == 0:
                return
        raise AssertionError("the queues are never empty")

    def _poll(self, source):
        [queue], [function] = resources.named(source["EventSourceArn"]), resources.named(source["FunctionName"])
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            assert self.deployed.permits(function, f"sqs:{action}", queue)
        sqs, url = account.client("sqs"), self.deployed.names[queue]
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=source["BatchSize"]).get("Messages", [])
        if messages:
            records = [{"messageId": each["MessageId"], "body": each["Body"]} for each in messages]
            assert self.invoke(function, {"Records": records}) == {"batchItemFailures": []}
            for each in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return len(messages)


def _forget():
    """What a new environment of a function does not know."""
    for cached in (settings.current, settings.token_keys, setup._client):
        cached.cache_clear()
    secrets._values.clear()
    authorization.forget()
    notifier.forget()
    database.functions.close()
    database.owner.close()


class Lambda:
    """Invokes functions by the names that CloudFormation gave them."""

    def __init__(self, stack):
        self.stack = stack

    def invoke(self, FunctionName, Payload, InvocationType="RequestResponse"):  # noqa: N803  the names are those of boto3
        [name] = [name for name, physical in self.stack.deployed.names.items() if physical == FunctionName]
        assert self.stack.deployed.permits("Setup", "lambda:InvokeFunction", name)
        answer = self.stack.invoke(name, json.loads(Payload))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


PRIVATE = '{"allow_private_webhooks": true}'


@contextmanager
def with_own_database(new_database, _monkeypatch):
    with account.deployed(to_url(parse(new_database())), Options=PRIVATE) as deployed, Iam(deployed) as aws:
        yield Stack(deployed, aws)


@contextmanager
def with_managed_database(_new_database, monkeypatch):
    """IAM is asked about each login too."""
    with aurora() as cluster:
        monkeypatch.setattr(authorities, "RDS", cluster.authority.parent)
        monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
        managed = {"Database": "managed", "Options": PRIVATE, "host": f"{HOST}:{cluster.port}"}
        with account.deployed(**managed) as deployed, Iam(deployed) as aws:
            cluster.permits = aws.permits_login
            yield Stack(deployed, aws)


@pytest.fixture(params=[with_own_database, with_managed_database])
def stack(request, new_database, monkeypatch):
    """The deployed stack, set up by its custom resource; with its admin token."""
    with request.param(new_database, monkeypatch) as found:
        client = setup._client.__wrapped__
        monkeypatch.setattr(setup, "_client", _Clients(client, Lambda(found)))
        found.is_managed = request.param is with_managed_database
        with CloudFormation() as cloudformation:
            event = {
                "RequestType": "Create",
                "ResponseURL": cloudformation.url,
                "StackId": "stack",
                "RequestId": "request",
                "LogicalResourceId": "Migrated",
                "ResourceProperties": {"ReservedConcurrency": "0"},
            }
            found.invoke("Setup", event)
        [answer] = cloudformation.answers
        assert answer.get("Reason") is None
        found.token_keys = answer["Data"]["TokenKeys"]
        yield found


class _Clients:
    """The clients of Setup: Lambda's is a stand-in, the other one of boto3."""

    def __init__(self, make, functions):
        self._make = make
        self._functions = functions

    def __call__(self, service):
        return self._functions if service == "lambda" else self._make(service)

    def cache_clear(self):
        pass


@pytest.mark.slow
def test_a_message_comes_from_publish_to_a_webhook_with_the_rights_of_each_function(stack):
    kept = account.client("secretsmanager").get_secret_value(SecretId=stack.deployed.arns["SetupSecret"])
    token = json.loads(kept["SecretString"])["admin_token"]
    assert stack.request(token, "PUT", "/topics/news", {"broadcast": "auto"})[0] in {200, 201}
    with Endpoint() as endpoint:
        assert stack.request(token, "POST", "/topics/news/subscriptions", {"url": endpoint.url})[0] == 201
        assert stack.request(token, "POST", "/topics/news/messages", {"content": "hello"})[0] == 201
        stack.run_event_sources()
        endpoint.wait_for(1)
    [request] = endpoint.requests
    assert [message["content"] for message in json.loads(request.body)["messages"]] == ["hello"]

    assert stack.request(token, "POST", "/topics/orders/messages", {"content": 1})[0] == 201
    status, leased = stack.request(token, "POST", "/topics/orders/consume", {"max": 1})
    assert (status, [message["content"] for message in leased["messages"]]) == (200, [1])
    assert stack.request(token, "POST", "/topics/orders/broadcast")[0] == 202
    assert "removed" in stack.invoke("Maintain", {})

    assert stack.aws.refused == set()
    used = {function for function, _, _ in stack.aws.permitted}
    assert used == resources.functions().keys() - {"Console"}  # it asks AWS for nothing
    reads = {function for function, action, _ in stack.aws.permitted if action == "secretsmanager:GetSecretValue"}
    assert reads == ({"Setup"} if stack.is_managed else used - {"Deliver"})
