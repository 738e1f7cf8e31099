"""The sections of a sweep file, each checked as far as the others allow, and put together as one `SweepSpec`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

from coftad.datasets import DATASETS
from coftad.datasets.protocol import Protocol
from coftad.types import Backbone, ImageSize, Seed
from tune_runner.objective import Objective
from tune_runner.parameters import Choice
from tune_runner.space import Space, walk
from tune_runner.space_syntax import FIELDS, SpaceReader, check_space
from tune_runner.spec_fields import accepts, build, check_section, fields_of, refusal, unknown_key
from tune_runner.spec_model import (
    Budget,
    Dataset,
    Episodes,
    Index,
    Name,
    Output,
    Resources,
    Search,
    SweepSpec,
    Tracking,
    Trainer,
    Validation,
    absolute,
)
from tune_runner.spec_search import check_search
from tune_runner.yaml_lines import Node, Problem, fill_in

TOP = {
    "name": accepts(Name, required=True),
    "seed": accepts(Seed, default=0),
    "objective": accepts(Objective, default="auroc"),
    "episodes": accepts(Episodes, default=2),
    "first_episode": accepts(Index, default=0),
    "output": accepts(Output, default=Path("runs")),
}
SECTIONS = ("dataset", "trainer", "space", "search", "resources", "budget", "validation", "tracking")
KEYS = (
    *("name", "seed", *SECTIONS[:4], "objective", "episodes", "first_episode", *SECTIONS[4:]),
    *("output", "profile", "profiles", "parts"),
)
DEFAULT_STEPS = 20  # those of `coftad.detectors`
DEFAULT_IMAGE_SIZE = 64
WEIGHT_WORDS = ("auto", "imagenet", "random")
IMAGE_SIZE = {"image_size": accepts(ImageSize, default=DEFAULT_IMAGE_SIZE)}
WEIGHTS = replace(
    accepts(str | dict[str, str], default="auto"),
    words=f"{', '.join(WEIGHT_WORDS)}, a path (with / or .), or a mapping of backbones to these",
)


def checked(tree: Node, environment: Mapping[str, str]) -> tuple[SweepSpec | None, list[Problem], list[Problem]]:
    """(the spec, what is wrong, which variables are unset). A value that could not be filled in is not judged."""
    kept = {key: node for key, node in tree.mapping.items() if key not in ("profile", "profiles", "parts")}
    unset: list[Problem] = []
    wrong: list[Problem] = []
    spec = Sections(fill_in(replace(tree, value=kept), environment, unset), wrong).spec()
    places = {each.place for each in unset}
    wrong = [each for each in wrong if each.place not in places]
    return (None if wrong or unset else spec), wrong, unset


class Sections:
    """The sections of one resolved tree, each checked as far as the others allow."""

    def __init__(self, tree: Node, problems: list[Problem]) -> None:
        self.tree, self.problems = tree, problems

    def spec(self) -> SweepSpec | None:
        for key, node in self.tree.mapping.items():
            if key not in KEYS:
                self.problems.append(unknown_key(node, key, KEYS))
        top = {key: self._top(key) for key in TOP}
        cls, dataset = self._dataset()
        search = self._plain_section("search", Search)
        space, trainer = self._space_and_trainer(cls, getattr(search, "sampler", "tpe"))
        if search is not None:
            check_search(search, space, top["episodes"], self._node("search"), self.problems)
        views = (trainer.fixed.get("negative_augmentation"), *_choices(space, "negative_augmentation"))
        if top["objective"] == "used_negative" and "none" in views:
            message = (
                "used_negative is not allowed with negative_augmentation: none; it measures against the trained one"
            )
            self.problems.append(self._node("objective").problem(message))
        resources: Resources | Literal["auto"] = "auto"
        if self._node("resources").value not in (None, "auto"):
            resources = self._plain_section("resources", Resources, "auto, or a mapping of cpu, gpu, concurrent")
        budget = self._plain_section("budget", Budget)
        validation = self._plain_section("validation", Validation)
        tracking = self._tracking(top["name"])
        if self.problems or dataset is None or tracking is None:
            return None
        return SweepSpec(
            **top,
            dataset=dataset,
            trainer=trainer,
            space=space,
            search=search,
            resources=resources,
            budget=budget,
            validation=validation,
            tracking=tracking,
        )

    def _node(self, key: str) -> Node:
        """A section; one that is missing, or empty as `space:` is, stands for its defaults."""
        return self.tree.mapping.get(key) or replace(self.tree, value=None, place=key)

    def _top(self, key: str) -> Any:
        field, node = TOP[key], self.tree.mapping.get(key)
        if node is not None:
            return field.check(node, self.problems)
        if field.required:
            self.problems.append(self.tree.problem(f"is missing; {field.words} is needed", key))
        return absolute_path(field.default)

    def _plain_section(self, key: str, cls: type, accepted: str | None = None) -> Any:
        node = self._node(key)
        before = len(self.problems)
        values = check_section(node, fields_of(cls), self.problems, accepted)
        return build(cls, values, node, self.problems) if len(self.problems) == before else None

    def _tracking(self, name: str | None) -> Tracking | None:
        node = self.tree.mapping.get("tracking")
        if node is not None and node.value is None:
            return Tracking(experiment=name, uri=None) if name else None
        fields = {**fields_of(Tracking), "experiment": accepts(Name)}
        values = check_section(self._node("tracking"), fields, self.problems)
        values = {"experiment": name, **values}
        return build(Tracking, values, self._node("tracking"), self.problems) if not self.problems else None

    def _dataset(self) -> tuple[type | None, Dataset | None]:
        node = self._node("dataset")
        before = len(self.problems)
        known = tuple(DATASETS)
        given = node.mapping.get("name") if isinstance(node.value, dict) else None
        cls: Any = DATASETS.get(given.value) if given is not None and isinstance(given.value, str) else None
        words = f"one of {', '.join(known)}"
        if isinstance(node.value, dict | None) and given is None:
            self.problems.append(node.problem(f"is missing; {words} is needed", "name"))
        elif given is not None and cls is None:
            self.problems.append(given.problem(refusal(given.data(), words, known)))
        fields = {**IMAGE_SIZE, **fields_of(Protocol), **(fields_of(cls) if cls else {})}
        if isinstance(node.value, dict):  # the fields of an unknown data set cannot be told right from wrong
            kept = {key: child for key, child in node.mapping.items() if key != "name" and (cls or key in fields)}
            node = replace(node, value=kept)
        values = check_section(node, fields, self.problems)
        if cls is None or len(self.problems) > before:
            return cls, None
        protocol = {key: value for key, value in values.items() if key in fields_of(Protocol)}
        own = {key: absolute_path(value) for key, value in values.items() if key in fields_of(cls)}
        made = build(Protocol, protocol, node, self.problems), build(cls, own, node, self.problems)
        size = values.get("image_size", DEFAULT_IMAGE_SIZE)
        return cls, Dataset(str(given.data()) if given else "", size, *made)

    def _space_and_trainer(self, cls: Any, sampler: str) -> tuple[Space, Trainer]:
        space_node, node = self._node("space"), self._node("trainer")
        per_sweep = {"weights": "trainer.weights", "seed": "seed", "episodes": "episodes"}
        of_dataset = (*IMAGE_SIZE, *fields_of(Protocol), *(fields_of(cls) if cls else ()))
        reader = SpaceReader(self.problems, {**{key: f"dataset.{key}" for key in of_dataset}, **per_sweep})
        space = reader.read(space_node)
        swept = {path.rsplit(".", 1)[-1]: definition for path, definition in reader.nodes.items()}

        written = check_section(node, {"weights": WEIGHTS, **FIELDS}, self.problems)
        keys = node.mapping if isinstance(node.value, dict) else {}
        for name in keys:
            if name in swept:
                where = swept[name].override or f"line {swept[name].line}"
                message = f"is also in the space ({where}); give it in one place (null there takes it out of the space)"
                self.problems.append(keys[name].problem(message))
        defaults = {name: field.default for name, field in FIELDS.items()} | {"steps": DEFAULT_STEPS}
        if cls is not None:  # which views are harmless is known with the data set
            defaults["positive_augmentation"] = getattr(cls, "positive_augmentation", defaults["positive_augmentation"])
        fixed = {
            name: written.get(name, default)
            for name, default in defaults.items()
            if name not in swept and (name in written or name not in keys)
        }
        check_space(space, reader, space_node, fixed, sampler)
        weights = self._weights(keys.get("weights"), space, fixed.get("backbone"))
        return space, Trainer(weights, fixed)

    def _weights(self, node: Node | None, space: Space, fixed: Any) -> str | dict[Backbone, str]:
        """Each as `coftad.weights.resolve` takes it; one file fits one backbone."""
        used = [fixed] if fixed else _choices(space, "backbone")
        if node is None:
            return "auto"
        if isinstance(node.value, str):
            weights = self._weight(node)
            if weights not in WEIGHT_WORDS and len(used) > 1:
                accepted = f"a mapping of {', '.join(map(str, used))} to one each"
                self.problems.append(node.problem(refusal(node.value, f"{accepted}, since a file fits one backbone,")))
            return weights
        if not isinstance(node.value, dict):
            return "auto"  # FIELDS has refused it
        known = get_args(Backbone)
        self.problems += [unknown_key(child, key, known) for key, child in node.mapping.items() if key not in known]
        missing = [key for key in used if key not in node.mapping]
        self.problems += [node.problem(f"is missing; {WEIGHTS.words} is needed", str(key)) for key in missing]
        given = ((key, node.mapping[key]) for key in known if key in node.mapping)
        return {key: self._weight(child) for key, child in given if isinstance(child.value, str)}

    def _weight(self, node: Node) -> str:
        text = str(node.value)
        if text in WEIGHT_WORDS:
            return text
        if "/" not in text and "." not in text:  # far more often a slip of the pen than a file
            self.problems.append(node.problem(refusal(text, WEIGHTS.words, WEIGHT_WORDS)))
        return absolute(text)


def _choices(space: Space, field: str) -> list[Any]:
    """Every value that a choice of `field` has anywhere in the space, once."""
    swept = [p for _, name, p in walk(space.parameters) if name == field and isinstance(p, Choice)]
    return list(dict.fromkeys(value for p in swept for value in p.values))


def absolute_path(value: Any) -> Any:
    return Path(absolute(value)) if isinstance(value, Path) else value
