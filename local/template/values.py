"""The values in a CloudFormation template: parameters, references, conditions and the functions that join them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NO_VALUE = "AWS::NoValue"  # a property with it is left out


class TemplateError(Exception):
    """The template, or the value of one of its parameters, does not work here; the message says why."""


@dataclass(frozen=True)
class Values:
    """The values of a template's references.

    `references` has a value by the name of each parameter, and of each resource that exists here; and by the name and
    attribute of a resource, such as `Queue.Arn`. `conditions` are those of the template.
    """

    references: Mapping[str, str]
    conditions: Mapping[str, Any]

    def resolve(self, value: Any, where: str) -> str:
        """Return a value as text. Raises TemplateError, which names `where`, for what is unknown here."""
        if isinstance(value, dict):
            return self._call(value, where)
        if "{{resolve:" in str(value):
            raise TemplateError(f"{where} is {value}, and only AWS resolves that")
        return str(value)

    def given(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return properties without those that a condition leaves out."""
        chosen = {name: self._chosen(value, name) for name, value in properties.items()}
        return {name: value for name, value in chosen.items() if value != {"Ref": NO_VALUE}}

    def _chosen(self, value: Any, where: str) -> Any:
        if isinstance(value, dict) and [*value] == ["Fn::If"]:
            condition, then, otherwise = value["Fn::If"]
            return self._chosen(then if self._holds({"Condition": condition}, where) else otherwise, where)
        return value

    def _call(self, call: Mapping[str, Any], where: str) -> str:  # noqa: PLR0911  a case each
        match [*call.items()]:
            case [("Ref", str(name))]:
                return self._reference(name, where)
            case [("Fn::GetAtt", [str(name), str(attribute)])]:
                return self._reference(f"{name}.{attribute}", where)
            case [("Fn::GetAtt", str(path))]:
                return self._reference(path, where)
            case [("Fn::Sub", str(text))]:
                return self._substitute(text, {}, where)
            case [("Fn::Sub", [str(text), dict(own)])]:
                return self._substitute(text, own, where)
            case [("Fn::Join", [str(separator), list(parts)])]:
                return separator.join(self.resolve(part, where) for part in parts)
            case [("Fn::Join", [str(separator), dict(one)])]:  # a list in a parameter is text here
                return self.resolve(one, where).replace(",", separator)
            case [("Fn::If", _)]:
                return self.resolve(self._chosen(call, where), where)
        raise TemplateError(f"{where} is not a plain value, and {', '.join(call)} is not known here")

    def _reference(self, name: str, where: str) -> str:
        if name not in self.references:
            raise TemplateError(f"{where} needs {name}, which does not exist here")
        return self.references[name]

    def _substitute(self, text: str, own: Mapping[str, Any], where: str) -> str:
        def replace(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):  # ${!literal}
                return f"${{{name[1:]}}}"
            return self.resolve(own[name], where) if name in own else self._reference(name, where)

        return re.sub(r"\$\{([^}]+)\}", replace, text)

    def _holds(self, condition: Any, where: str) -> bool:
        match [*condition.items()]:
            case [("Condition", str(name))] if name in self.conditions:
                return self._holds(self.conditions[name], f"the condition {name}")
            case [("Fn::Equals", [left, right])]:
                return self.resolve(left, where) == self.resolve(right, where)
            case [("Fn::Not", [one])]:
                return not self._holds(one, where)
            case [("Fn::And", list(parts))]:
                return all(self._holds(part, where) for part in parts)
            case [("Fn::Or", list(parts))]:
                return any(self._holds(part, where) for part in parts)
        raise TemplateError(f"{where} has a condition that is not known here: {', '.join(condition)}")
