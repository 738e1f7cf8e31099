"""One training step of COFT-AD against the same step composed naively, and against the passes it cannot do without.

python -m benchmarks.step_time --rounds 30

ours    coftad.finetune.Trainer.step.
naive   the same losses, a forward pass for every embedding that an equation writes down, images augmented one by one
        with PIL, torch's default Adam, a loop for the EMA: what one writes with the paper at hand. See `NaiveStep`.
kinder  the same, but each equation embeds a batch once in each network.
bare    the backbone's passes alone, on tensors made beforehand: forward and backward of the online images, forward of
        the target's, in the memory format whose median is lower. No augmentation, heads, optimiser or EMA.

They take turns within one process, so that a busy machine slows all of them. With one thread the clock is the
processor time of the process, which what else runs disturbs less; with more it is the wall clock. A ratio is taken
within its round. Images are noise and weights random: no step's time depends on what they hold.
"""

import argparse
import copy
import math
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import kornia
import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import cosine_similarity
from torchvision import transforms

from coftad.embeddings import IMAGENET_MEAN, IMAGENET_STD
from coftad.finetune import ADAM_BETAS, Trainer
from coftad.networks import Networks
from coftad.seeding import numpy_generator, torch_generator
from coftad.types import Backbone, BatchNorm, FineTuning, Images

SHOTS = 10
NEGATIVES = ("none", "cutpaste", "void")

Photo = Image.Image
Layout = torch.memory_format
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


def cutpaste(photo: Photo, draw: random.Random, jitter: Callable[[Photo], Photo]) -> Photo:
    """A rectangle of the image, its colours shaken, pasted elsewhere, as `coftad.views.negative.CutPaste`."""
    width, height = photo.size
    area = draw.uniform(0.02, 0.15) * width * height
    aspect = math.exp(draw.uniform(math.log(0.3), math.log(3.3)))
    w = max(1, min(round(math.sqrt(area * aspect)), round(0.9 * width)))
    h = max(1, min(round(math.sqrt(area / aspect)), round(0.9 * height)))
    left, top = draw.randint(0, width - w), draw.randint(0, height - h)
    pasted = photo.copy()
    patch = jitter(photo.crop((left, top, left + w, top + h)))
    pasted.paste(patch, (draw.randint(0, width - w), draw.randint(0, height - h)))
    return pasted


def void(photo: Photo, draw: random.Random) -> Photo:
    """Up to three bright round holes near the middle, as `coftad.views.negative.Void`."""
    image = np.asarray(photo, dtype=np.float32) / 255
    height, width = image.shape[:2]
    v, u = np.mgrid[:height, :width]
    share = np.zeros((height, width))
    for _ in range(draw.randint(1, 3)):
        distance, bearing = 0.3 * math.sqrt(draw.random()), draw.uniform(0, 2 * math.pi)
        du = (u + 0.5) / width - 0.5 - distance * math.cos(bearing)
        dv = (v + 0.5) / height - 0.5 - distance * math.sin(bearing)
        thickness = np.sqrt(np.clip(1 - (du**2 + dv**2) / (draw.uniform(0.05, 0.16) / 2) ** 2, 0, None))
        share = np.maximum(share, draw.uniform(0.3, 0.9) * thickness)
    return Image.fromarray((255 * (image + share[..., None] * (1 - image))).astype(np.uint8))


def plain(networks: Networks) -> Networks:
    """A copy with torchvision's own ResNets."""
    networks = copy.deepcopy(networks)
    for network in (networks.f, networks.target_f):
        network.maxpool = torch.nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
    return networks


class NaiveStep:
    """Eq. 1, 4, 5 and 6 from left to right, on networks of their own with the same weights and batch-norm mode.

    A backbone pass for each embedding: two for Eq. 1, four for Eq. 4 (i and j in each network), two for Eq. 5. Without
    `every_embedding`, Eq. 4 embeds the batch once in each network and permutes the rows.
    """

    def __init__(self, images: Images, networks: Networks, config: FineTuning, *, every_embedding: bool) -> None:
        self.photos = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
        self.config = config
        self.every_embedding = every_embedding
        self.networks = plain(networks)
        self.optimiser = torch.optim.Adam(self.networks.trained_parameters(), lr=config.learning_rate, betas=ADAM_BETAS)
        self.draw = random.Random(0)
        self.to_input = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)],
        )
        self.positive = transforms.Compose(
            [
                transforms.RandomAffine(
                    10,
                    translate=(0.05, 0.05),
                    scale=(0.9, 1.1),
                    shear=(-5, 5, -5, 5),
                    interpolation=transforms.InterpolationMode.BILINEAR,
                ),
                transforms.RandomApply([transforms.GaussianBlur(5, (0.1, 1.0))], 0.5),
                transforms.RandomGrayscale(0.2),
            ]
        )
        self.jitter = transforms.ColorJitter(0.1, 0.1, 0.1, 0.1)

    def negative(self, photo: Photo) -> Photo:
        if self.config.negative_augmentation == "cutpaste":
            return cutpaste(photo, self.draw, self.jitter)
        return void(photo, self.draw)

    def views(self, photos: list[Photo], view: Callable[[Photo], Photo]) -> Tensor:
        return torch.stack([self.to_input(view(photo)) for photo in photos])

    def __call__(self) -> None:
        config, net = self.config, self.networks.train()
        photos = [self.photos[row % SHOTS] for row in torch.randperm(config.batch_size).tolist()]
        p = torch.randperm(config.batch_size)
        x, x_hat = self.views(photos, self.positive), self.views(photos, self.positive)

        def target(images: Tensor) -> Tensor:
            with torch.no_grad():
                return net.target_f(images)

        con = -cosine_similarity(net.q(net.g(net.f(x))), net.target_g(target(x_hat)).detach()).mean()
        if self.every_embedding:
            there = cosine_similarity(net.f(x), target(x_hat[p]))
            back = cosine_similarity(net.f(x[p]), target(x_hat))
        else:
            z, z_hat = net.f(x), target(x_hat)
            there, back = cosine_similarity(z, z_hat[p]), cosine_similarity(z[p], z_hat)
        loss = con + config.lambda_pp * -(there + back).mean() / 2
        if config.negative_augmentation != "none":
            clean = target(self.views(photos, lambda photo: photo))
            negative = net.f(self.views(photos, self.negative))
            loss = loss + config.lambda_np * cosine_similarity(clean, negative).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        for module, slow in ((net.f, net.target_f), (net.g, net.target_g)):
            for fast_p, slow_p in zip(module.parameters(), slow.parameters(), strict=True):
                slow_p.data = config.beta * slow_p.data + (1 - config.beta) * fast_p.data
        loss.item()


class BareStep:
    """The backbone's passes of one step and nothing else: gradients are dropped, nothing is updated."""

    def __init__(self, networks: Networks, config: FineTuning, size: int, layout: Layout) -> None:
        self.networks = plain(networks).train().to(memory_format=layout)
        negative = config.negative_augmentation != "none"

        def images(count: int) -> Tensor:
            x = torch.randn(count, 3, size, size, generator=torch_generator(0, "bare", count))
            return x.contiguous(memory_format=layout)

        self.online = images(config.batch_size * (1 + negative))
        self.target = images(config.batch_size + SHOTS * negative)

    def __call__(self) -> None:
        with torch.no_grad():
            self.networks.target_f(self.target)
        self.networks.f.zero_grad(set_to_none=True)
        self.networks.f(self.online).sum().backward()


def seconds(step: Callable[[], object]) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    step()
    return clock() - start


def measure(config: FineTuning, size: int, rounds: int) -> NDArray[np.float64]:
    """(rounds, 5) seconds: ours, naive, kinder, and bare in each of LAYOUTS."""
    images = numpy_generator(0, "images").integers(0, 256, (SHOTS, 3, size, size), dtype=np.uint8)
    trainer = Trainer(images, config, None, seed=0, device=torch.device("cpu"))

    def ours() -> None:
        trainer.step()["all"].item()

    contenders: list[Callable[[], object]] = [
        ours,
        NaiveStep(images, trainer.networks, config, every_embedding=True),
        NaiveStep(images, trainer.networks, config, every_embedding=False),
        *(BareStep(trainer.networks, config, size, layout) for layout in LAYOUTS.values()),
    ]
    for step in contenders:  # oneDNN builds its kernels in the first step, Adam its state
        step()
    return np.array([[seconds(step) for step in contenders] for _ in range(rounds)])


def cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> str:
    low, middle, high = np.percentile(over / under, (10, 50, 90))
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def row(negative: str, seconds_RC: NDArray[np.float64]) -> list[str]:
    ours, naive, kinder, *bares = seconds_RC.T
    layout, bare = min(zip(LAYOUTS, bares, strict=True), key=lambda pair: np.median(pair[1]))
    times = [f"{1000 * np.median(column):.0f}" for column in (ours, naive, kinder, bare)]
    return [negative, *times, layout, ratio(naive, ours), ratio(kinder, ours), ratio(ours, bare)]


def line(cells: list[str]) -> str:
    """Times in narrow columns, ratios in wide ones."""
    return "".join(cell.rjust(width) for cell, width in zip(cells, (8, *[8] * 4, 15, *[19] * 3), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--backbone", choices=get_args(Backbone), default="resnet18")
    parser.add_argument("--batch-norm", choices=get_args(BatchNorm), default=FineTuning().batch_norm)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--negatives", nargs="+", choices=NEGATIVES, default=NEGATIVES)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)  # of the naive step's augmentations, which read the global state

    versions = {"torch": torch, "torchvision": torchvision, "kornia": kornia}
    print(", ".join(f"{name} {module.__version__}" for name, module in versions.items()))
    print(f"{cpu_model()}, {args.threads} thread(s)")
    batch = FineTuning().batch_size
    print(f"{args.backbone}, {args.image_size} px, batch {batch}, {SHOTS} shots, n = {args.rounds} rounds")
    print(f"batch norm: {args.batch_norm}")
    print("ms: median of a step. ratios: median of rounds (10th-90th percentile)\n")
    print(
        line(
            [
                "negative",
                "ours",
                "naive",
                "kinder",
                "bare",
                "its layout",
                "naive / ours",
                "kinder / ours",
                "ours / bare",
            ]
        )
    )
    for negative in args.negatives:
        config = FineTuning(backbone=args.backbone, negative_augmentation=negative, batch_norm=args.batch_norm)
        print(line(row(negative, measure(config, args.image_size, args.rounds))), flush=True)


if __name__ == "__main__":
    main()
