"""The files of sweeps/paper/ run what the paper's tables are compared with."""

from pathlib import Path

import pytest

from tests.tune_runner.paper.expanded import FOLDER, PROFILES, expanded, loaded
from tune_runner import designs
from tune_runner.paper.published import published
from tune_runner.paper.runs import Run
from tune_runner.paper.side_by_side import cells
from tune_runner.plan import design_size

TABLES = tuple(published().tables)
PARTS = {"table1": 8, "table2": 10, "table3": 20, "table4": 45, "table5": 9, "table6": 20, "table7": 3, "table9": 4}


def rows(spec):
    """Every row that the sweep will record, at 70 %."""
    for point in designs.points(spec.space, spec.search):
        config = spec.config(designs.fields_of(spec.space, point))
        for steps in config.points:
            for scoring in config.scorings:
                yield tuple({**vars(config.training), "steps": steps, **vars(scoring)}.items())


def test_every_table_has_its_file():
    assert {path.stem for path in FOLDER.glob("*.yaml")} >= set(TABLES)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", TABLES)
def test_every_figure_of_ours_is_measured_by_its_file(name, profile, tmp_path):
    runs, specs = [], []
    for choices, content in expanded(name, profile):
        spec = loaded(content, tmp_path)
        specs.append(spec)
        aurocs = {row: dict.fromkeys(range(spec.episodes), 70.0) for row in rows(spec)}
        runs.append(Run(Path("part"), choices, content, aurocs))
        assert spec.budget.trials == design_size(spec), "neither cut short nor more than there is"
        assert (spec.episodes, spec.dataset.protocol.holdout, spec.validation.episodes) == (5, 0, 0)
    assert len(runs) == PARTS.get(name, 1)
    table = published().tables[name]
    known = {value for spec in specs for row in rows(spec) for key, value in row if key == "scorer"}
    for cell in cells(table, published(), runs):
        if cell.column.where.get("scorer", "gaussian") in known:
            assert cell.ours is not None, f"{cell.row.label}, {cell.column.name}: {cell.why}"
            assert len(cell.ours.aurocs) == 5


@pytest.mark.parametrize("name", TABLES)
def test_the_cpu_is_a_reduced_scale(name, tmp_path):
    """In all but the scale, the two profiles are the same."""
    small, large = (list(expanded(name, profile)) for profile in PROFILES)
    assert [choices for choices, _ in small] == [choices for choices, _ in large]
    one, other = (loaded(content, tmp_path) for [(_, content), *_] in (small, large))
    assert one.dataset.image_size < other.dataset.image_size
    assert [max(dict(row)["steps"] for row in rows(spec)) for spec in (one, other)] == [20, 100]
    without_steps = [{**spec.trainer.fixed, "steps": None} for spec in (one, other)]
    assert without_steps[0] == without_steps[1]
