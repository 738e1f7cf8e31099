"""Negative augmentation t_n(X): imitations of anomalies, where one knows what they look like (Section III.C).

Same contract as the positive views: (B, 3, H, W) float in [0, 1] to the same, batched on the device, a draw of its own
for every image, from the generator given.
"""

import math
from dataclasses import dataclass

import torch
from kornia.enhance import adjust_brightness, adjust_contrast
from torch import Generator, Tensor
from torch.nn.functional import grid_sample

from coftad.views.positive import Blur, ColourJitter, Range, chosen, uniform


def paste(x: Tensor, patch: Tensor, size: Tensor, source: Tensor, target: Tensor, angle: Tensor) -> Tensor:
    """Copy a box of `patch` (B, 3, H, W) around `source` into `x` around `target`, turned by `angle` (B,), radians.

    size, source, target: (B, 2) width-first, in units of the image's width and height.
    """
    height, width = x.shape[-2:]
    v, u = torch.meshgrid(
        (torch.arange(height, device=x.device) + 0.5) / height,
        (torch.arange(width, device=x.device) + 0.5) / width,
        indexing="ij",
    )
    here = torch.stack([u, v], -1)[None] - target[:, None, None]  # (B, H, W, 2), seen from the target's centre
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    local = torch.stack([cos * here[..., 0] + sin * here[..., 1], cos * here[..., 1] - sin * here[..., 0]], -1)
    inside = (local.abs() <= size[:, None, None] / 2).all(-1)[:, None]
    there = (local + source[:, None, None]) * 2 - 1
    return torch.where(inside, grid_sample(patch, there, padding_mode="reflection", align_corners=False), x)


@dataclass(frozen=True)
class CutPaste:
    """A rectangle of the image, its colours shaken, at another place of it (Li et al., CVPR 2021, Section 2.2).

    area: of the image. aspect: width over height, log-uniform. Ranges are that paper's.
    """

    area: Range = (0.02, 0.15)
    aspect: Range = (0.3, 3.3)
    jitter: ColourJitter = ColourJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        area = uniform(generator, x, *self.area)
        aspect = uniform(generator, x, math.log(self.aspect[0]), math.log(self.aspect[1])).exp()
        size = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], 1).clamp(max=0.9)
        source, target = _centres(generator, x, size), _centres(generator, x, size)
        return paste(x, self.jitter(x, generator), size, source, target, torch.zeros_like(area))


@dataclass(frozen=True)
class CutPasteScar:
    """A thin, turned strip (the same paper, "CutPaste-Scar"): its 2-16 by 10-25 pixels of a 256-pixel image, as shares
    of the width, but never thinner than a pixel."""

    thickness: Range = (2 / 256, 16 / 256)
    length: Range = (10 / 256, 25 / 256)
    degrees: float = 45
    jitter: ColourJitter = ColourJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        thickness = uniform(generator, x, *self.thickness).clamp(min=1 / x.shape[-1])
        size = torch.stack([thickness, uniform(generator, x, *self.length)], 1)
        source, target = _centres(generator, x, size), _centres(generator, x, size)
        angle = torch.deg2rad(uniform(generator, x, -self.degrees, self.degrees))
        return paste(x, self.jitter(x, generator), size, source, target, angle)


@dataclass(frozen=True)
class CutPaste3Way:
    """Each image gets a rectangle or a scar with equal chance: the two anomalous classes of the 3-way CutPaste."""

    plain: CutPaste = CutPaste()
    scar: CutPasteScar = CutPasteScar()

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        first = chosen(generator, x, 0.5)
        return torch.where(first, self.plain(x, generator), self.scar(x, generator))


@dataclass(frozen=True)
class BlurBrightnessContrast:
    """Blurring and random brightness and contrast: the paper's negatives for CIFAR-C. sigma as in `Blur`."""

    blur: Blur = Blur(sigma=(1.0, 4.0), probability=1.0)
    brightness: float = 0.3
    contrast: float = 0.5

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        x = adjust_brightness(self.blur(x, generator), uniform(generator, x, -self.brightness, self.brightness))
        return adjust_contrast(x, uniform(generator, x, 1 - self.contrast, 1 + self.contrast)).clamp(0, 1)


@dataclass(frozen=True)
class Void:
    """Round holes as voids in solder look in an X-ray slice: where solder is missing less is absorbed, so the image is
    brighter by the thickness of the missing ball, most in its middle. The prior knowledge named in Section III.C.

    diameter: of the width. contrast: grey value gained in the middle, of what is missing to white. holes: at most so
    many. spread: centres lie within this distance of the image's centre, of the width, because voids lie in the ball.
    """

    diameter: Range = (0.05, 0.16)
    contrast: Range = (0.3, 0.9)
    holes: int = 3
    spread: float = 0.3

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        height, width = x.shape[-2:]
        v, u = torch.meshgrid(
            (torch.arange(height, device=x.device) + 0.5) / height - 0.5,
            (torch.arange(width, device=x.device) + 0.5) / width - 0.5,
            indexing="ij",
        )
        distance = self.spread * uniform(generator, x, 0, 1, self.holes).sqrt()  # uniform over the disc
        bearing = uniform(generator, x, 0, 2 * math.pi, self.holes)
        du = u - (distance * bearing.cos())[..., None, None]
        dv = v - (distance * bearing.sin())[..., None, None]
        radius = uniform(generator, x, *self.diameter, self.holes)[..., None, None] / 2
        thickness = (1 - (du**2 + dv**2) / radius**2).clamp(min=0).sqrt()  # (B, holes, H, W): a ball seen from above
        count = uniform(generator, x, 1, self.holes + 1).floor()
        exists = torch.arange(self.holes, device=x.device) < count[:, None]
        gain = uniform(generator, x, *self.contrast, self.holes) * exists
        share = (thickness * gain[..., None, None]).amax(1, keepdim=True)
        return x + share * (1 - x)


def _centres(generator: Generator, x: Tensor, size: Tensor) -> Tensor:
    """(B, 2) centres of rectangles of `size` that lie wholly in the image."""
    return size / 2 + uniform(generator, x, 0, 1, 2) * (1 - size)
