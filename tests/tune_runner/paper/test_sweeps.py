"""The files of sweeps/paper/ run what the paper's tables are compared with."""

from pathlib import Path

import pytest
import yaml

from tune_runner import designs
from tune_runner.paper.published import published
from tune_runner.paper.runs import Run
from tune_runner.paper.side_by_side import cells
from tune_runner.plan import design_size
from tune_runner.spec import load_parts

FOLDER = Path(__file__).parents[3] / "sweeps" / "paper"
PROFILES = ("cpu", "gpu")
TABLES = tuple(published().tables)
PARTS = {"table1": 8, "table2": 10, "table3": 20, "table4": 45, "table5": 9, "table6": 20, "table7": 3, "table9": 4}


def parts(name, profile):
    return load_parts(FOLDER / f"{name}.yaml", [f"profile={profile}"], environment={"COFTAD_DATA": "/data"})


def rows(spec):
    """The settings of every row that the sweep will record."""
    for point in designs.points(spec.space, spec.search):
        config = spec.config(designs.fields_of(spec.space, point))
        for steps in config.points:
            for scoring in config.scorings:
                yield {**vars(config.training), "steps": steps, **vars(scoring)}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TABLES)
def test_every_figure_of_ours_is_measured_by_its_file(name, profile):
    runs = []
    for part in parts(name, profile):
        spec = part.spec
        aurocs = {tuple(row.items()): dict.fromkeys(range(spec.episodes), 70.0) for row in rows(spec)}
        runs.append(Run(Path(part.name), part.choices, yaml.safe_load(spec.to_yaml()), aurocs))
        assert spec.budget.trials == design_size(spec), "neither cut short nor more than there is"
        assert (spec.episodes, spec.dataset.protocol.holdout, spec.validation.episodes) == (5, 0, 0)
    assert len(runs) == PARTS.get(name, 1)
    for cell in cells(published().tables[name], published(), runs):
        assert cell.ours is not None, f"{cell.row.label}, {cell.column.name}: {cell.why}"
        assert len(cell.ours.aurocs) == 5


@pytest.mark.parametrize("name", TABLES)
def test_the_cpu_is_a_reduced_scale(name):
    """In all but the scale, the two profiles are the same."""
    small, large = (parts(name, profile) for profile in PROFILES)
    assert [part.choices for part in small] == [part.choices for part in large]
    one, other = small[0].spec, large[0].spec
    assert one.dataset.image_size < other.dataset.image_size
    assert [max(row["steps"] for row in rows(spec)) for spec in (one, other)] == [20, 100]
    without_steps = [{**spec.trainer.fixed, "steps": None} for spec in (one, other)]
    assert without_steps[0] == without_steps[1]


def test_parts_of_sets_are_refused_unless_they_are_asked_for():
    for name in TABLES:
        for part in parts(name, "cpu"):
            assert not getattr(part.spec.dataset.source, "allow_partial", False)
