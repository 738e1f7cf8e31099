"""What each scorer costs: seconds to fit it and to score, beside those of embedding and of a fine-tuning of 20 steps.

python -m benchmarks.scorers

Seconds are processor time of one thread, which what else runs disturbs less than the wall clock. Images are noise and
weights random: a scorer's time hardly depends on what they hold.
"""

import argparse
import time
from collections import defaultdict
from statistics import median
from typing import get_args

import torch

from benchmarks.criteria import noise
from benchmarks.step_time import cpu_model
from coftad.devices import repeatable
from coftad.embeddings import to_float
from coftad.finetune import finetune
from coftad.scoring import Scorers
from coftad.types import Backbone, FineTuning, ScorerName, Scoring

STEPS = 20


class Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.seconds[name] += now - self._last
        self._last = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--images", type=int, default=400, help="to score, at most 610")
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--n-a", type=int, default=10)
    parser.add_argument("--backbone", choices=get_args(Backbone), default="resnet18")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()

    print(f"torch {torch.__version__}, {cpu_model()}, 1 thread, median of {args.rounds} rounds")
    print(f"{args.backbone}, {args.images} images, {args.shots} shots, n_a {args.n_a}")
    training, device = FineTuning(backbone=args.backbone), torch.device("cpu")
    for size in args.image_sizes:
        pixels = noise(args.shots, size).images
        train, images = pixels[: args.shots], pixels[args.shots :][: args.images]
        with repeatable(1):
            clock = Clock()
            [(_, network)] = finetune(
                train, training, None, points=(STEPS,), seed=0, device=device, on_step=lambda *_: None
            )
            clock.lap("train")
            whole = clock.seconds["train"]
            print(f"{size} px: a fine-tuning of {STEPS} steps {whole:.1f} s")
            for name in get_args(ScorerName):
                rounds = []
                for _ in range(args.rounds):
                    clock = Clock()
                    scoring = Scoring(n_a=args.n_a, scorer=name)
                    scorers = Scorers(network, training, (scoring,), to_float(train, device), seed=0, lap=clock.lap)
                    scorers.score(images)
                    rounds.append(clock.seconds)
                embed, score = (median(each[part] for each in rounds) for part in ("embed", "score"))
                share = 100 * score / whole
                print(
                    f"  {name}: embed {embed:.2f} s, score {score:.3f} s, {share:.1f} % of the fine-tuning", flush=True
                )


if __name__ == "__main__":
    main()
