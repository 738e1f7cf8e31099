"""A trial's config.yaml and the images are enough to have its scores again, bit for bit, on any data set there is."""

import csv
import io

import numpy as np
import pytest
import yaml
from PIL import Image

from coftad import trial
from coftad.__main__ import main
from coftad.datasets import DATASETS
from coftad.devices import pick, repeatable
from tests.coftad.datasets.layouts import LAYOUTS
from tests.tune_runner.sweep_files import Files
from tune_runner import child_run, plan
from tune_runner.context import SweepContext
from tune_runner.records import EpisodeRecord, Records, RowRecord, Scores
from tune_runner.trial_inputs import trial_inputs

pytestmark = pytest.mark.slow  # trains once for every data set

SWEEP = {
    "name": "again",
    "seed": 3,
    "trainer": {
        "weights": "random",
        "batch_size": 4,
        "projector_hidden": 8,
        "projector_out": 4,
        "predictor_hidden": 8,
        "negative_augmentation": "void",
    },
    "space": {"n_a": {"choice": [1, 3]}, "steps": {"choice": [1, 2]}, "scorer": {"choice": ["gaussian", "patchcore"]}},
    "episodes": 2,
    "first_episode": 1,
}
PROTOCOL = {"shots": 3, "holdout": 0.5, "pool_normal": 6, "pool_anomalous": 4, "image_size": 32}


class Swept:
    """A sweep of one trial, run here and recorded as a sweep does, and what `python -m coftad` makes of it."""

    def __init__(self, folder, dataset, capsysbinary, **changes):
        self.folder, self.capsys = folder, capsysbinary
        content = {**SWEEP, "dataset": {**dataset, **PROTOCOL}, **changes}
        spec = Files(folder).load(yaml.safe_dump(content))
        self.prepared = plan.prepare(spec)
        [config] = {plan.sample_configs(spec, 1)[0]}
        records = Records(folder)
        for number, episode in enumerate(self.prepared.episodes):
            with repeatable(1):
                result = trial.run(config, episode, None, device=pick("cpu"))
            records.append(
                EpisodeRecord(
                    trial=0,
                    ray_trial="r",
                    episode=number,
                    seed=episode.seed,
                    training=config.training,
                    rows=tuple(
                        RowRecord(steps=row.steps, scoring=row.scoring, search=row.search, criteria=row.criteria)
                        for row in result.rows
                    ),
                    seconds=result.seconds,
                    finished_at=1.0,
                    host="here",
                    threads=1,
                ),
                Scores(scores=result.scores, image_rows=result.image_rows, losses=result.losses),
            )
        self.context = SweepContext(
            name="again",
            directory=folder,
            tracking_uri="sqlite:///x.db",
            experiment="e",
            image_set=self.prepared.image_set,
            episodes=dict(enumerate(self.prepared.episodes)),
            inputs=trial_inputs(self.prepared, device="cpu"),
        )
        self.episodes = records.of(0)
        self.records = records
        child_run.draw(self.context, records, self.episodes, folder / "artifacts")
        self.config = folder / "artifacts/config.yaml"

    def recorded(self, number, split="search"):
        row = child_run.best_row(self.episodes)
        run = child_run.scored(self.context, self.records, self.episodes, row, split)[number]
        return {self.prepared.image_set.paths[image]: score for image, score in zip(run.rows, run.scores, strict=True)}

    def printed(self, *arguments):
        code = main(["--config", str(self.config), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        assert code == 0, err.decode()
        return {row["path"]: float(row["score"]) for row in csv.DictReader(io.StringIO(out.decode()))}

    def refused(self, *arguments):
        code = main(["--config", str(self.config), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        assert (code, out) == (2, b"")
        assert b"Traceback" not in err
        return err.decode()


def written(name, folder):
    (folder / "set").mkdir()
    keys = {key: str(value) for key, value in LAYOUTS[name](folder / "set").items()}
    return {"name": name, **keys}


SLOW = {"aitex", "cifar10_c", "cifar100_c", "flowers17", "mvtec", "magnetic_tile"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in DATASETS])
def test_every_data_set_scores_again_as_the_sweep_recorded(name, tmp_path, capsysbinary):
    swept = Swept(tmp_path, written(name, tmp_path), capsysbinary)
    for number in (0, 1):
        recorded = swept.recorded(number)
        assert len(recorded) == 5
        assert swept.printed("--episode", number) == recorded
    assert swept.printed() == swept.recorded(0), "the first episode, where none is named"

    # and from image files alone: the support set under names in another order, the scored ones in theirs
    drawn = swept.prepared.episodes[1]
    pool = swept.prepared.image_set
    for folder, rows in (("train", drawn.train_rows[::-1]), ("score", drawn.scored_rows)):
        (tmp_path / folder).mkdir()
        for place, row in enumerate(rows):
            Image.fromarray(pool.images[row].transpose(1, 2, 0)).save(tmp_path / folder / f"{place:03d}.png")
    scores = swept.printed("--episode", 1, "--train", tmp_path / "train", "--score", tmp_path / "score")
    everything = swept.recorded(1) | swept.recorded(1, "test")
    assert list(scores.values()) == [everything[pool.paths[row]] for row in drawn.scored_rows]


@pytest.fixture
def folder_sweep(tmp_path, capsysbinary):
    generator = np.random.default_rng(0)
    for kind, count in (("normal", 12), ("abnormal", 6)):
        (tmp_path / "set" / kind).mkdir(parents=True)
        for i in range(count):
            grey = generator.integers(0, 4096, (40, 40), dtype=np.uint16)
            Image.fromarray(grey).save(tmp_path / "set" / kind / f"{i:02d}.png")
    dataset = {"name": "folder", "root": str(tmp_path / "set"), "grey_range": [0, 4095]}
    return Swept(tmp_path, dataset, capsysbinary)


def test_a_list_of_files_and_a_moved_data_set_give_the_same_scores(folder_sweep, tmp_path):
    swept = folder_sweep
    drawn, pool = swept.prepared.episodes[0], swept.prepared.image_set
    for name, rows in (("train.txt", drawn.train_rows), ("score.txt", drawn.scored_rows)):
        (tmp_path / name).write_text("".join(f"set/{pool.paths[row]}\n" for row in rows))
    scores = swept.printed("--train", tmp_path / "train.txt", "--score", tmp_path / "score.txt")
    everything = swept.recorded(0) | swept.recorded(0, "test")
    assert scores == {f"set/{name}": score for name, score in everything.items()}
    (tmp_path / "set").rename(tmp_path / "moved")
    assert "set does not exist" in swept.refused()
    assert swept.printed("--root", tmp_path / "moved") == swept.recorded(0)
    (tmp_path / "moved/normal/00.png").unlink()
    assert "the images are not those of the trial" in swept.refused("--root", tmp_path / "moved")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--image-size", "64"], ["--image-size: 64", "32"]),
        (["--seed", "5"], ["--seed: 5"]),
        (["--threads", "2"], ["--threads: 2", "had 1"]),
        (["--episode", "7"], ["--episode: 7", "0, 1"]),
        (["--weights", "{file}"], ["--weights", "SHA-256", "random"]),
    ],
)
def test_what_contradicts_the_configuration_is_refused(folder_sweep, tmp_path, arguments, words):
    import torch
    from torchvision.models import get_model

    if "{file}" in arguments:
        torch.save(get_model("resnet18").state_dict(), tmp_path / "other.pth")
        arguments = ["--weights", tmp_path / "other.pth"]
    error = folder_sweep.refused(*arguments)
    assert all(word in error for word in words), error


def test_other_weights_of_the_same_name_are_refused(folder_sweep, tmp_path):
    import torch
    from torchvision.models import get_model

    torch.save(get_model("resnet18").state_dict(), tmp_path / "w.pth")
    config = yaml.safe_load(folder_sweep.config.read_text())
    config["weights"] = {"asked": str(tmp_path / "w.pth"), "kind": "file", "sha256": "0" * 64}
    folder_sweep.config.write_text(yaml.safe_dump(config))
    assert "started from file ones with 000000000000" in folder_sweep.refused()


def test_options_that_agree_are_no_contradiction(folder_sweep):
    seed = str(folder_sweep.episodes[0].seed)
    assert folder_sweep.printed("--image-size", 32, "--seed", seed, "--weights", "random") == folder_sweep.recorded(0)


def test_another_support_set_is_said_to_make_another_detector(folder_sweep, tmp_path):
    code = main(
        [
            "--config",
            str(folder_sweep.config),
            "--train",
            f"{tmp_path}/set/normal",
            "--score",
            f"{tmp_path}/set/abnormal",
        ]
    )
    out, err = folder_sweep.capsys.readouterr()
    assert code == 0
    assert b"holds other images than the support set of episode 0" in err
    assert out.count(b"\n") == 7


def test_what_an_old_file_does_not_name_must_be_said(folder_sweep):
    config = yaml.safe_load(folder_sweep.config.read_text())
    kept = ("trial", "training", "steps", "scoring", "points", "scorings", "shown")
    old = {key: config[key] for key in kept} | {"episodes": {0: {"seed": config["episodes"][0]["seed"]}}}
    folder_sweep.config.write_text(yaml.safe_dump(old))
    assert "does not name the image_size" in folder_sweep.refused()
    assert "does not name the weights" in folder_sweep.refused("--image-size", 32)
    assert "say --train and --score" in folder_sweep.refused("--image-size", 32, "--weights", "random")
