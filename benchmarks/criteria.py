"""What the criteria without labels cost: their share of the seconds of one trial, as the trial itself counts them.

python -m benchmarks.criteria

One configuration on one episode: points 0, 10 and 20 of a fine-tuning, scored with n_a of 1, 5, 10 and 20 on the 610
images of the paper's pool. Images are noise and weights random: no time depends on what they hold.
"""

import argparse
from typing import get_args

import numpy as np
import torch

from benchmarks.step_time import cpu_model
from coftad import trial
from coftad.datasets.protocol import Protocol, episode
from coftad.devices import repeatable
from coftad.seeding import numpy_generator
from coftad.types import FineTuning, ImageSet, NegativeView, ScorerName, Scoring

NORMAL, ANOMALOUS = 500, 110


def noise(shots: int, size: int) -> ImageSet:
    count = NORMAL + ANOMALOUS + shots
    pixels = numpy_generator(0, "images").integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    labels = (np.arange(count) < ANOMALOUS).astype(np.int8)
    return ImageSet("noise", pixels, labels, tuple(map(str, range(count))), "noise")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--negatives", nargs="+", choices=get_args(NegativeView), default=["none", "void"])
    parser.add_argument("--scorers", nargs="+", choices=get_args(ScorerName), default=["gaussian"])
    args = parser.parse_args()

    print(f"torch {torch.__version__}, {cpu_model()}, 1 thread")
    print(f"resnet18, {args.image_size} px, {args.shots} shots, points 0, 10, 20, n_a 1, 5, 10, 20, n = 1 trial")
    protocol = Protocol(shots=args.shots, holdout=0, pool_normal=NORMAL, pool_anomalous=ANOMALOUS)
    drawn = episode(noise(args.shots, args.image_size), protocol, seed=0, index=0)
    for scorer in args.scorers:
        scorings = tuple(Scoring(n_a=n_a, scorer=scorer) for n_a in (1, 5, 10, 20))
        for negative in args.negatives:
            config = trial.TrialConfig(FineTuning(negative_augmentation=negative), (0, 10, 20), scorings)
            with repeatable(1):
                seconds = trial.run(config, drawn, None, device=torch.device("cpu")).seconds
            parts = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items())
            share = seconds["criteria"] / sum(seconds.values())
            print(f"{scorer}, negative {negative}: {parts}; criteria {100 * share:.1f} % of the trial", flush=True)


if __name__ == "__main__":
    main()
