"""The bastion: an administrator's way to the managed database, which is open to nobody else."""

from tests.support.client import template

BASTION = template("infrastructure/bastion.yaml")
HERE = BASTION["Resources"]


def test_the_endpoint_reaches_the_bastion_at_the_port_of_ssh_and_nothing_else_does():
    [out] = HERE["EndpointGroup"]["Properties"]["SecurityGroupEgress"]
    [into] = [each["Properties"] for each in HERE.values() if each["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert (out["DestinationSecurityGroupId"], out["FromPort"], out["ToPort"]) == ("BastionGroup", 22, 22)
    assert (into["SourceSecurityGroupId"], into["GroupId"], into["FromPort"]) == ("EndpointGroup", "BastionGroup", 22)
    assert HERE["Endpoint"]["Properties"]["SecurityGroupIds"] == ["EndpointGroup"]


def test_the_bastion_reaches_what_the_functions_reach():
    bastion = HERE["Bastion"]["Properties"]
    assert bastion["SecurityGroupIds"] == ["BastionGroup", "FunctionsGroupId"]
    [out] = HERE["BastionGroup"]["Properties"]["SecurityGroupEgress"]
    assert out["CidrIp"] == "255.255.255.255/32"


def test_the_bastion_has_no_rights_and_no_public_address():
    bastion = HERE["Bastion"]["Properties"]
    assert not {"IamInstanceProfile", "KeyName", "NetworkInterfaces", "UserData"} & bastion.keys()
    assert bastion["MetadataOptions"] == {"HttpTokens": "required"}
