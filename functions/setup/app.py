"""Make the stack's secrets and bring the schema up to date, for the custom resource `Migrated` of CloudFormation.

The protocol: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import http.client
from typing import Any
from urllib.parse import urlsplit

import msgspec

from broker import deadlines, setup, telemetry

RESOURCE = "pgbroker-schema"  # the same for ever: another one would have CloudFormation delete the former
REASON_CHARACTERS = 1000  # CloudFormation takes 4 KB for the whole answer


def handler(event: dict[str, Any], context: Any) -> None:
    """Answer once, whatever happens. Raises when CloudFormation does not take the answer: Lambda then repeats all."""
    deadlines.begin_invocation(context)
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    _send(event["ResponseURL"], {**same, "PhysicalResourceId": RESOURCE, **_answer(event)})


def _answer(event: dict[str, Any]) -> dict[str, Any]:
    if event["RequestType"] == "Delete":  # the schema and its messages stay
        return {"Status": "SUCCESS"}
    try:
        keys = setup.run(event["ResourceProperties"], is_new=event["RequestType"] == "Create")
    except setup.SetupFailed as failure:
        return {"Status": "FAILED", "Reason": str(failure)[:REASON_CHARACTERS]}
    except Exception as error:  # noqa: BLE001  without an answer CloudFormation waits for an hour
        telemetry.log_failure(error, "setup", event["RequestId"])
        code = getattr(error, "response", {}).get("Error", {}).get("Code", "")  # of botocore's ClientError
        kind = " ".join(filter(None, [type(error).__name__, code]))
        return {"Status": "FAILED", "Reason": f"{kind}: the log of Setup says where"}
    return {"Status": "SUCCESS", "NoEcho": True, "Data": {"TokenKeys": keys}}


def _send(url: str, answer: dict[str, Any]) -> None:
    parts = urlsplit(url)
    connection = (http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection)(
        parts.netloc, timeout=10
    )
    # the signature of the URL is for an empty Content-Type
    connection.request("PUT", f"{parts.path}?{parts.query}", msgspec.json.encode(answer), {"Content-Type": ""})
    response = connection.getresponse()
    connection.close()
    if response.status != http.HTTPStatus.OK:
        raise ConnectionError(f"CloudFormation did not take the answer: {response.status}")
