"""One field against one value: the checks of a validated dataclass, field by field, in words for people.

A dataclass stops at its constructor and knows no lines. Here each of its fields becomes an adapter of its own, so that
all wrong values of a file are found in one pass, each with its address; the limits stay where they are declared.
"""

import dataclasses
import difflib
import json
from collections.abc import Collection, Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema

from coftad.types import InputError
from tune_runner.yaml_lines import Node, Problem, as_number, shown

# Strict, so that `true` is not 1 and "0.5" is not 0.5; from JSON, where a path is text and a tuple is a list.
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclasses.dataclass(frozen=True, eq=False)
class Accepts:
    """What one field takes: `words` for people, `numeric` is "number", "integer" or None."""

    adapter: TypeAdapter[Any]
    words: str
    numeric: str | None
    choices: tuple[str, ...]
    required: bool
    default: Any

    def check(self, node: Node, problems: list[Problem]) -> Any:
        """The validated value, or None and a problem."""
        data = node.data()
        try:
            return self.adapter.validate_json(json.dumps(data))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            said = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else None
            problems.append(node.problem(self._misread(node) or said or refusal(data, self.words, self.choices)))
            return None

    def _misread(self, node: Node) -> str | None:
        """The message for a value that is right but for its quotes, or but for what YAML makes of it."""
        if isinstance(node.value, str):
            number = as_number(node.value.replace("_", ""))
            if number is None or not self._takes(number):
                return None
            if "_" in node.value:
                return f"{shown(node.value)} is text, because of the _; write {shown(number)}"
            return f'"{node.value}" is text, because of its quotes; write {shown(number)}'
        if node.text is None or not self._takes(node.text):
            return None
        read = shown(node.value) if isinstance(node.value, bool | None) else f"the number {shown(node.value)}"
        return f"{node.written} is read as {read}; if you mean text, quote it: {_quoted(node)}"

    def _takes(self, value: object) -> bool:
        try:
            self.adapter.validate_json(json.dumps(value))
        except ValidationError:
            return False
        return True


def _quoted(node: Node) -> str:
    """As it is to be written where it stands; a shell takes a pair of quotes away."""
    text = f'"{node.written}"'
    return f"--set '{node.place}={text}'" if node.override else text


def refusal(value: object, accepted: str, choices: Collection[str] = ()) -> str:
    return f"{shown(value)} is not allowed; {accepted} is{did_you_mean(value, choices)}"


def did_you_mean(value: object, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(value)[:80], known, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f" (did you mean {near[0]}?)" if near and near[0] != value else ""


def unknown_key(node: Node, key: str, known: Collection[str]) -> Problem:
    """The problem of the key `key`, whose value is `node`."""
    message = f"is unknown{did_you_mean(key, known)}; accepted here: {', '.join(known)}"
    return Problem(node.place, message, node.line, node.override, node.data())


def accepts(annotation: Any, *, required: bool = False, default: Any = None) -> Accepts:
    # A type that holds a model brings its own configuration and refuses a second one.
    adapter: TypeAdapter[Any] = TypeAdapter(annotation, config=_STRICT)
    try:
        schema = adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        schema = {}
    numeric = schema.get("type") if schema.get("type") in ("number", "integer") else None
    return Accepts(adapter, _words(schema), numeric, tuple(map(str, schema.get("enum", ()))), required, default)


@cache
def fields_of(cls: Any) -> Mapping[str, Accepts]:
    """Every field of a pydantic dataclass that its constructor takes, in the order of declaration."""
    result = {}
    for name, info in cls.__pydantic_fields__.items():
        if info.init is False:
            continue
        annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        default = None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})
        result[name] = accepts(annotation, required=info.is_required(), default=default)
    return result


def check_section(
    node: Node, fields: Mapping[str, Accepts], problems: list[Problem], accepted: str | None = None
) -> dict[str, Any]:
    """The values written in one mapping, validated one by one; what is wrong, unknown or missing becomes a problem.

    Only values that were written (and are right) are returned: the defaults are the dataclass's own.
    """
    if node.value is None:
        node = dataclasses.replace(node, value={})
    if not isinstance(node.value, dict):
        problems.append(node.problem(refusal(node.data(), accepted or f"a mapping of {', '.join(fields)}")))
        return {}
    values = {}
    for key, child in node.mapping.items():
        if key not in fields:
            problems.append(unknown_key(child, key, fields))
            continue
        before = len(problems)
        value = fields[key].check(child, problems)
        if len(problems) == before:
            values[key] = value
    problems += [
        node.problem(f"is missing; {field.words} is needed", key)
        for key, field in fields.items()
        if field.required and key not in node.mapping
    ]
    return values


def build(cls: type, values: Mapping[str, Any], node: Node, problems: list[Problem]) -> Any:
    """`cls(**values)`: the checks across fields. None and the problems, at the field or at `node`, if they fail."""
    try:
        return cls(**values)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False):
            key = each["loc"][0] if each["loc"] else None
            at = node.mapping.get(str(key), node) if isinstance(node.value, dict) else node
            problems.append(at.problem(each["msg"].removeprefix("Value error, ")))
    except InputError as error:
        problems.append(node.problem(str(error)))
    return None


def _words(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words. Only the kinds that a sweep file can hold are told apart."""
    if text := schema.get("description"):
        return str(text)
    if "const" in schema:
        return shown(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(shown(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_words(part) for part in schema["anyOf"]))
    kind = schema.get("type")
    if kind in ("number", "integer"):
        limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
        bounds = " and ".join(f"{sign} {schema[key]}" for key, sign in limits.items() if key in schema)
        return " ".join(part for part in ("a whole number" if kind == "integer" else "a number", bounds) if part)
    if kind == "array":
        if parts := schema.get("prefixItems"):
            return f"a list of {len(parts)}: " + ", ".join(_words(part) for part in parts)
        return f"a list, each {_words(schema.get('items', {}))}"
    names = {"string": "text", "boolean": "true or false", "null": "null", "object": "a mapping"}
    if schema.get("format") in ("path", "directory-path", "file-path"):
        return "a path"
    return names.get(str(kind), "another value")
