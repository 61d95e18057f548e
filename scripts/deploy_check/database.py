"""The managed database: what Amazon RDS says of it, its network, and how it sleeps and resumes."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from scripts.deploy_check import traffic
from scripts.deploy_check.deployed import Deployed, Finding

VERSION = "17"  # EngineVersion in infrastructure/database.yaml
RESUME_SECONDS = 60  # in which it has resumed, whatever AWS's documentation promises
PAUSE_SECONDS = 1  # between two requests
FRESH = timedelta(minutes=10)  # a metric of CloudWatch may be some minutes late
DAY = timedelta(days=1)
PERIOD = timedelta(minutes=5)
OWN = Finding("the database is your own", is_expected=None)


def cluster(of: Deployed) -> Finding:
    if not of.database:
        return OWN
    [found] = of.client("rds").describe_db_clusters(DBClusterIdentifier=of.database["Cluster"])["DBClusters"]
    [writer] = of.client("rds").describe_db_instances(DBInstanceIdentifier=of.database["Writer"])["DBInstances"]
    wanted = {
        "Status": "available",
        "Engine": "aurora-postgresql",
        "IAMDatabaseAuthenticationEnabled": True,
        "StorageEncrypted": True,
        "DeletionProtection": True,
    }
    faults = [f"{key} is {found.get(key)}" for key, value in wanted.items() if found.get(key) != value]
    if writer["DBInstanceStatus"] != "available":
        faults.append(f"the writer is {writer['DBInstanceStatus']}")
    if writer["PubliclyAccessible"]:
        faults.append("the writer has a public address")
    if found.get("MasterUserSecret"):
        faults.append("the administrator has a password")
    if not found["EngineVersion"].startswith(f"{VERSION}."):
        faults.append(f"its version is {found['EngineVersion']}")
    scaling = found["ServerlessV2ScalingConfiguration"]
    seen = f"PostgreSQL {found['EngineVersion']}, {scaling['MinCapacity']:g} to {scaling['MaxCapacity']:g} units"
    if pause := scaling.get("SecondsUntilAutoPause"):
        seen += f", sleeps after {pause} s"
    return Finding("; ".join(faults) or seen, is_expected=not faults)


def endpoint(of: Deployed) -> Finding:
    """Look at the endpoint of SQS, by which the functions in the network wake Dispatch."""
    if not of.database:
        return OWN
    endpoints = of.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[of.database["SqsEndpoint"]])
    [found] = endpoints["VpcEndpoints"]
    queues = {of.names[name].rpartition("/")[2] for name in ("DispatchQueue", "DeliveryQueue")}
    allowed = {right for statement in json.loads(found["PolicyDocument"])["Statement"] for right in _rights(statement)}
    faults = [] if found["State"].lower() == "available" else [f"it is {found['State']}"]
    if not found["PrivateDnsEnabled"]:
        faults.append("it does not have the name of SQS")
    if allowed != {("sqs:SendMessage", queue) for queue in queues}:
        faults.append(f"it allows {', '.join(sorted(f'{action} on {queue}' for action, queue in allowed))}")
    return Finding("; ".join(faults) or f"available, in {len(found['SubnetIds'])} zone", is_expected=not faults)


def _rights(statement: Mapping[str, Any]) -> set[tuple[str, str]]:
    actions, arns = ([each] if isinstance(each, str) else each for each in (statement["Action"], statement["Resource"]))
    return {(action, arn.rpartition(":")[2]) for action in actions for arn in arns}


def resume(of: Deployed) -> Finding:
    """Time a request to a database that sleeps. This has to be the first that asks it."""
    if not of.database:
        return OWN
    if _capacity(of, FRESH)[-1:] != [0.0]:
        return Finding("awake: ask again ten minutes after the last request", is_expected=None)
    started = time.monotonic()
    answers = []
    while True:
        answers.append(traffic.ask(of, "GET", "/health?database=true")[0])
        seconds = time.monotonic() - started
        if answers[-1] == HTTPStatus.OK or seconds > RESUME_SECONDS:
            break
        time.sleep(PAUSE_SECONDS)
    seen = f"asleep; after {seconds:.0f} s {answers[-1]}, after {len(answers) - 1} x another answer"
    return Finding(seen, is_expected=answers[-1] == HTTPStatus.OK)


def sleep(of: Deployed) -> Finding:
    """Read for how much of a day it slept."""
    if not of.database:
        return OWN
    found = _capacity(of, DAY)
    if not found:
        return Finding("no figures of its capacity", is_expected=None)
    asleep = sum(capacity == 0 for capacity in found)
    return Finding(f"asleep for {asleep / len(found):.0%} of a day; at most {max(found):g} units", is_expected=None)


def _capacity(of: Deployed, within: timedelta) -> list[float]:
    """The units of each five minutes that it had at most, the last ones last."""
    cluster = ("DBClusterIdentifier", of.database["Cluster"])
    return of.metric("AWS/RDS/ServerlessDatabaseCapacity", cluster, "Maximum", within, PERIOD)
