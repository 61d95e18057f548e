"""The values in a template that the local runner resolves, and how it says which it cannot."""

import pytest

from local.template.values import TemplateError, Values

REFERENCES = {"Mode": "wild", "Empty": "", "Subnets": "a,b", "Queue": "http://queue", "Queue.Arn": "arn:queue"}
CONDITIONS = {
    "Wild": {"Fn::Equals": [{"Ref": "Mode"}, "wild"]},
    "Given": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Empty"}]}, ""]}]},
    "Both": {"Fn::And": [{"Condition": "Wild"}, {"Condition": "Given"}]},
    "Either": {"Fn::Or": [{"Condition": "Wild"}, {"Condition": "Given"}]},
    "Odd": {"Fn::Contains": ["a", "b"]},
}
VALUES = Values(REFERENCES, CONDITIONS)


def choose(condition):
    return VALUES.resolve({"Fn::If": [condition, "yes", "no"]}, "X")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (3, "3"),
        ({"Ref": "Mode"}, "wild"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:queue"),
        ({"Fn::Sub": "${Mode}/${Queue.Arn}/${!kept}"}, "wild/arn:queue/${kept}"),
        ({"Fn::Sub": ["${own}-${Mode}", {"own": {"Ref": "Queue"}}]}, "http://queue-wild"),
        ({"Fn::Join": [":", ["a", {"Ref": "Mode"}]]}, "a:wild"),
        ({"Fn::Join": [":", {"Ref": "Subnets"}]}, "a:b"),
    ],
)
def test_a_value_is_resolved(value, text):
    assert VALUES.resolve(value, "X") == text


def test_a_condition_chooses():
    assert [choose(name) for name in ("Wild", "Given", "Both", "Either")] == ["yes", "no", "no", "yes"]


def test_a_property_without_a_value_is_left_out():
    properties = {
        "Kept": 1,
        "Chosen": {"Fn::If": ["Wild", {"Ids": [1]}, {"Ref": "AWS::NoValue"}]},
        "LeftOut": {"Fn::If": ["Given", {"Ids": [1]}, {"Ref": "AWS::NoValue"}]},
        "Deeper": {"Fn::If": ["Wild", {"Fn::If": ["Given", 1, {"Ref": "AWS::NoValue"}]}, 2]},
    }
    assert VALUES.given(properties) == {"Kept": 1, "Chosen": {"Ids": [1]}}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("{{resolve:secretsmanager:x}}", "X is {{resolve:secretsmanager:x}}, and only AWS resolves that"),
        ({"Ref": "Other"}, "X needs Other, which does not exist here"),
        ({"Fn::Sub": "${Other.Arn}"}, "X needs Other.Arn, which does not exist here"),
        ({"Fn::ImportValue": "x"}, "X is not a plain value, and Fn::ImportValue is not known here"),
        ({"Fn::If": ["Odd", 1, 2]}, "the condition Odd has a condition that is not known here: Fn::Contains"),
        ({"Fn::If": ["None", 1, 2]}, "X has a condition that is not known here: Condition"),
    ],
)
def test_what_cannot_be_resolved_is_named(value, reason):
    with pytest.raises(TemplateError) as raised:
        VALUES.resolve(value, "X")
    assert str(raised.value) == reason
