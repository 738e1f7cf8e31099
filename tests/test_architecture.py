"""The import rules of the house: which room may import which, read from the source with ast."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Inside coftad imports only point to a lower level; rooms of one level don't import each other.
LEVELS = [
    {"types", "seeding"},
    {"devices", "options", "output"},
    {"datasets", "views", "losses", "weights", "folding", "networks", "scorers", "metrics"},
    {"finetune", "embeddings", "criteria", "scoring"},
    {"detectors"},
    {"trial", "configuration"},
    {"__main__"},
]
# Within one level: what may be seen beside the lower levels.
SIBLINGS = {
    ("networks", "weights"),
    ("networks", "folding"),
    ("finetune", "embeddings"),
    ("criteria", "embeddings"),
    ("scoring", "embeddings"),
    ("metrics", "seeding"),
}
FORBIDDEN_IN_COFTAD = {"ray", "optuna", "mlflow", "tune_runner", "rich"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def room(module: str) -> str:
    return module.split(".")[1]


def level(name: str) -> int:
    [found] = [index for index, rooms in enumerate(LEVELS) if name in rooms]
    return found


COFTAD = sorted(path for path in (ROOT / "coftad").rglob("*.py") if path != ROOT / "coftad" / "__init__.py")


@pytest.mark.parametrize("path", COFTAD, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_method_imports_downwards_and_nothing_of_the_sweep(path):
    here = path.relative_to(ROOT / "coftad").parts[0].removesuffix(".py")
    for module in imports(path):
        assert module.split(".")[0] not in FORBIDDEN_IN_COFTAD, module
        if module.startswith("coftad.") and room(module) not in ("coftad", here):
            there = room(module)
            assert level(there) < level(here) or (here, there) in SIBLINGS, f"{here} imports {there}"


def test_imports_are_seen_wherever_they_stand(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("import ray.tune as t\nif t:\n    def f():\n        from coftad import trial, types\n")
    assert imports(planted) == {"ray.tune", "coftad.trial", "coftad.types"}
    planted.write_text("from . import trial\n")
    with pytest.raises(AssertionError, match="relative import"):
        imports(planted)


def test_every_room_has_a_level():
    rooms = {path.relative_to(ROOT / "coftad").parts[0].removesuffix(".py") for path in COFTAD}
    assert rooms == set().union(*LEVELS) - ({"__main__"} - rooms)


def test_benchmarks_and_sweeps_are_not_imported():
    paths = [path for package in ("coftad", "tune_runner") for path in (ROOT / package).rglob("*.py")]
    assert len(paths) > 100, "the sources are where they are looked for"
    for path in paths:
        for module in imports(path):
            assert module.split(".")[0] not in {"benchmarks", "tests", "sweeps"}, path
