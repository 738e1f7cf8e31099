"""YAML as data with an address: every value knows its line, or the `--set` it came from.

Read with yaml's safe loader, and then narrowed: a sweep file is small, flat and plain, so anything that is large, deep,
repeated or tagged is a mistake or an attack, and is refused with its line.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from coftad.types import InputError
from tune_runner.redact import redact

MAX_BYTES = 1_000_000
MAX_DEPTH = 24  # the deepest sensible sweep, three nested conditions inside a profile, has 16
MAX_NODES = 20_000  # after aliases are expanded, so that nine lines cannot become a billion values
MAX_INTEGER = 2**63 - 1
MAX_TEXT = 4_096  # characters of one value: the longest path of Linux

Scalar = None | bool | int | float | str

_BARE = re.compile(r"[\w./:+@*?&=%~${}-]+")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


def redact_url(url: str) -> str:
    """`url` with its user, its password and the secrets in its query replaced by `***`."""
    return redact(url, url)


def shown(value: object) -> str:
    """A value as the user would write it, on one line, short, without credentials."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = value if isinstance(value, str) and _BARE.fullmatch(value) else repr(value)
    if len(text) > 2 * MAX_TEXT:  # to cut it before credentials are found could cut off what marks them
        return f"a {type(value).__name__} of {len(text)} characters"
    text = redact_url(text)
    return text if len(text) <= 80 else f"{text[:77]}..."


@dataclass(frozen=True)
class Problem:
    """One thing wrong. `line` counts from 1, None if it is not in the file; `override` is the `--set` it came from."""

    place: str
    message: str
    line: int | None = None
    override: str | None = None
    value: Any = None

    def format(self, source: str) -> str:
        where = self.override or (source if self.line is None else f"{source}:{self.line}")
        return f"{where}: {self.place}: {self.message}" if self.place else f"{where}: {self.message}"


class SpecErrors(InputError):
    """All that is wrong with one sweep, in the order of the file. `str()` gives one line per problem."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        unique = {(p.line, p.override, p.place, p.message): p for p in problems}.values()
        self.source = source
        self.problems = tuple(sorted(unique, key=lambda p: (p.override is not None, p.line or 0)))
        super().__init__(source, self.problems)

    def __str__(self) -> str:
        return "\n".join(problem.format(self.source) for problem in self.problems)


@dataclass(frozen=True)
class Node:
    """A value and its address. `place` is where it was written (`profiles.cpu.trainer.steps`).

    A scalar without quotes has its characters, too: `written` as in the file, and `text` with environment variables
    filled in, after which its type is read again.
    """

    value: Scalar | tuple["Node", ...] | dict[str, "Node"]
    place: str = ""
    line: int | None = None
    override: str | None = None
    written: str | None = None
    text: str | None = None

    @property
    def mapping(self) -> dict[str, "Node"]:
        assert isinstance(self.value, dict)
        return self.value

    def data(self) -> Any:
        """Plain dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.data() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.data() for node in self.value]
        return self.value

    def problem(self, message: str, key: str | None = None) -> Problem:
        """A problem here, or with the key `key` that is missing here."""
        place = self.place if key is None else child_place(self.place, key)
        return Problem(place, message, self.line, self.override, self.data() if key is None else None)


def child_place(place: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{place}[{key}]"
    key = key if len(key) <= 60 else f"{key[:57]}..."
    return f"{place}.{key}" if place else key


class _Refused(Exception):
    """The text ends here: too large to go on reading."""


class _Loader(yaml.SafeLoader):
    """Stops while composing, before a deep document can exhaust the interpreter's stack."""

    depth = 0
    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth, self.nodes = self.depth + 1, self.nodes + 1
        _limit(self.depth, self.nodes)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Dumper(yaml.SafeDumper):
    """Writes what `parse` reads back as the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_NUMBERS = {
    "int": re.compile(r"[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)$"),
    "float": re.compile(
        r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$"
        r"|\.(?:nan|NaN|NAN)$"
    ),
}
"""The numbers of YAML 1.2. yaml reads 1.1, where 010 is 8, 1_0 is 10, 1:30 is 90 and 1e-3 is text."""

_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _NUMBERS]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
for _class in (_Loader, Dumper):  # what is a number for either version is written with quotes where it is text
    for _kind, _pattern in _NUMBERS.items():
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _pattern, list("-+.0123456789"))


def _limit(depth: int, nodes: int) -> None:
    if depth > MAX_DEPTH:
        raise _Refused(f"nested deeper than {MAX_DEPTH} levels")
    if nodes > MAX_NODES:
        raise _Refused(f"more than {MAX_NODES} values, aliases expanded")


def _unprintable(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n" for c in text)


def _scalar(loader: _Loader, node: yaml.ScalarNode) -> Scalar:
    """The value of one scalar. ValueError says what is wrong with it."""
    if len(node.value) > MAX_TEXT:
        raise ValueError(f"a text of {len(node.value)} characters is not allowed; {MAX_TEXT} are")
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind in ("timestamp", "value"):  # 2024-01-01 is a fine name for a sweep
        kind = "str"
    if kind == "str":
        value: Scalar = str(node.value)
    elif kind in ("null", "bool", "int", "float"):
        if kind in _NUMBERS and not _NUMBERS[kind].match(node.value):  # of an explicit tag
            raise ValueError(f"{shown(node.value)} is not readable as {kind}")
        try:
            value = _integer(node.value) if kind == "int" else loader.construct_object(node)
        except (ValueError, IndexError, KeyError, ArithmeticError, yaml.YAMLError):
            raise ValueError(f"{shown(node.value)} is not readable as {kind}") from None
    else:
        raise ValueError(f"the tag {shown(node.tag)} is not allowed; plain values are")
    if isinstance(value, str) and _unprintable(value):
        raise ValueError(f"{shown(value)} is not allowed; text without control characters is")
    if isinstance(value, int | float) and not -MAX_INTEGER <= value <= MAX_INTEGER:  # also false for nan
        raise ValueError(f"{shown(node.value)} is not allowed; a finite number below 2^63 is")
    return value


def _integer(text: str) -> int:
    return int(text, 16 if "x" in text else 10)


def as_number(text: str) -> int | float | None:
    """What `text` is without quotes; None where that is no number."""
    if _NUMBERS["int"].match(text):
        return _integer(text)
    return float(text) if _NUMBERS["float"].match(text) and text.lstrip("-+.")[0].isdigit() else None


class _Reader:
    """Turns yaml's nodes into ours, and keeps every problem on the way."""

    def __init__(self, loader: _Loader, override: str | None) -> None:
        self.loader, self.override = loader, override
        self.problems: list[Problem] = []
        self.nodes = 0

    def read(self, node: yaml.Node, place: str, line: int | None, depth: int = 1) -> Node:
        self.nodes += 1
        _limit(depth, self.nodes)
        here = Node(None, place, line, self.override)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return replace(here, value=self._mapping(node, here, depth))
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            items = [
                self.read(item, child_place(place, i), self._line(item), depth + 1) for i, item in enumerate(node.value)
            ]
            return replace(here, value=tuple(items))
        if isinstance(node, yaml.ScalarNode):
            try:
                written = node.value if node.style is None else None
                return replace(here, value=_scalar(self.loader, node), written=written, text=written)
            except ValueError as error:
                self.problems.append(here.problem(str(error)))
                return here
        self.problems.append(here.problem(f"the tag {shown(node.tag)} is not allowed; plain values are"))
        return here

    def _mapping(self, node: yaml.MappingNode, here: Node, depth: int) -> dict[str, Node]:
        children: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line = self._line(key_node)
            key: Any = None
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                try:
                    key = _scalar(self.loader, key_node)
                except ValueError as error:
                    self.problems.append(Problem(here.place, f"key: {error}", line, self.override))
                    continue
            if not isinstance(key, str) or _unprintable(key):
                text = shown(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                accepted = "text is (with quotes if need be)"
                self.problems.append(
                    Problem(here.place, f"the key {text} is not allowed; {accepted}", line, self.override)
                )
                continue
            child = self.read(value_node, child_place(here.place, key), line, depth + 1)
            if key in children:
                first = children[key].line
                self.problems.append(child.problem(f"is given twice; first on line {first}"))
            else:
                children[key] = child
        return children

    def _line(self, node: yaml.Node) -> int | None:
        return None if self.override else node.start_mark.line + 1


def parse(text: str, place: str = "", override: str | None = None) -> tuple[Node | None, list[Problem]]:
    """`text` as nodes, and what is wrong with its structure; None and one problem if it is not YAML."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Node(None, place, None if override else 1, override), []
        reader = _Reader(loader, override)
        node = reader.read(root, place, None if override else root.start_mark.line + 1)
        return node, reader.problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        message = f"not YAML: {' '.join(part for part in (error.context, error.problem) if part)}"
        if line is not None and "${" in "".join(text.splitlines()[line - 1 : line]):
            message += '; inside { } and [ ] write "${...}" with quotes'
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = "not YAML: a character that YAML does not allow"
    except _Refused as error:
        line, message = None, str(error)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # e.g. an escape beyond the last Unicode character
        line, message = None, f"not YAML: {error}"
    return None, [Problem(place, message, None if override else line, override)]


def merge(base: Node, over: Node, place: str = "") -> Node:
    """`over` on top of `base`: mappings are merged, all else is replaced, and so is every parameter under `space`."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict) or place.startswith("space."):
        return over
    merged = dict(base.value)
    for key, node in over.value.items():
        merged[key] = merge(merged[key], node, child_place(place, key)) if key in merged else node
    return replace(base, value=merged)


def fill_in(node: Node, environment: Mapping[str, str], problems: list[Problem]) -> Node:
    """`${NAME}` and `${NAME:-default}` in text values (not in keys) replaced; `$${` stands for `${` itself.

    A variable is text or one scalar, never structure: `shots: ${SHOTS}` is a number, `"${SHOTS}"` is text.
    """
    if isinstance(node.value, dict):
        return replace(node, value={key: fill_in(child, environment, problems) for key, child in node.value.items()})
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(fill_in(child, environment, problems) for child in node.value))
    if not isinstance(node.value, str) or "${" not in node.value:
        return node
    wrong = list(dict.fromkeys(_unset(node.value, environment)))
    if wrong:
        problems.append(node.problem("; ".join(wrong)))
        return replace(node, value=None)

    def value_of(match: re.Match[str]) -> str:
        name, default = match.groups()
        return "${" if name is None else environment.get(name) or (default or "")

    text = _VARIABLE.sub(value_of, node.value)
    try:
        loader = _Loader("")
        plain = node.written is not None
        tag = loader.resolve(yaml.ScalarNode, text, (True, False)) if plain else "tag:yaml.org,2002:str"
        return replace(node, value=_scalar(loader, yaml.ScalarNode(tag, text)), text=text if plain else None)
    except ValueError as error:
        problems.append(node.problem(str(error)))
        return replace(node, value=None)


def _unset(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    for match in _VARIABLE.finditer(text):
        name, default = match.groups()
        if name is None and match.group() == "${":
            yield f"{shown(text)} is not allowed; ${{NAME}}, ${{NAME:-default}} or, for the two characters, $${{ is"
        elif name is not None and default is None and not environment.get(name):
            yield f"the environment variable {name} is not set, or empty; set it, or write ${{{name}:-default}}"


def read_text(path: str | os.PathLike[str]) -> str:
    """A file's text, UTF-8. InputError without the file's name says why there is none."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES} bytes; a sweep is a page of text")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"is not UTF-8 text: byte 0x{raw[error.start]:02x} on line {line}") from None
