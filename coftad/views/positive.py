"""Positive augmentation t(X): what varies among normal images (Section IV.C, "Data Augmentation").

A view maps (B, 3, H, W) float in [0, 1] to the same shape and range, on the device of its input, with a draw of its
own for every image. Parameters are drawn on the CPU from the generator given, so that every device sees the same.
The paper names the kinds of transformation; their ranges are open, and ours are the fields below.
"""

from dataclasses import dataclass

import torch
from kornia.color import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from kornia.enhance import adjust_brightness, adjust_contrast, adjust_hue_raw, adjust_saturation_raw
from kornia.filters import gaussian_blur2d
from kornia.geometry.transform import get_affine_matrix2d, warp_affine
from torch import Generator, Tensor

Range = tuple[float, float]


def uniform(generator: Generator, like: Tensor, low: float, high: float, *shape: int) -> Tensor:
    """(B, *shape) on the device of `like`, one draw for each of its B images."""
    return torch.empty(len(like), *shape).uniform_(low, high, generator=generator).to(like.device)


def chosen(generator: Generator, like: Tensor, probability: float) -> Tensor:
    """(B, 1, 1, 1) bool: which images something happens to."""
    return (uniform(generator, like, 0, 1) < probability)[:, None, None, None]


@dataclass(frozen=True)
class Affine:
    """degrees: of rotation and of shear, either way. shift: of height and width. Borders are reflected, because a black
    corner would be an anomaly of our own making."""

    degrees: float = 10
    shift: float = 0.05
    scale: Range = (0.9, 1.1)
    shear: float = 5

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        height, width = x.shape[-2:]
        size = x.new_tensor([width, height])
        centre = ((size - 1) / 2).expand(len(x), 2)
        matrix = get_affine_matrix2d(
            translations=uniform(generator, x, -self.shift, self.shift, 2) * size,
            center=centre,
            scale=uniform(generator, x, *self.scale, 1).expand(len(x), 2),
            angle=uniform(generator, x, -self.degrees, self.degrees),
            sx=torch.deg2rad(uniform(generator, x, -self.shear, self.shear)),
            sy=torch.deg2rad(uniform(generator, x, -self.shear, self.shear)),
        )
        return warp_affine(x, matrix[:, :2], (height, width), padding_mode="reflection", align_corners=True)


@dataclass(frozen=True)
class Blur:
    """sigma: in units of 1/64 of the width, so that one range serves every image size."""

    sigma: Range = (0.1, 1.0)
    probability: float = 0.5

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        unit = x.shape[-1] / 64
        radius = max(1, round(2 * self.sigma[1] * unit))
        sigma = uniform(generator, x, self.sigma[0] * unit, self.sigma[1] * unit, 1).expand(len(x), 2)
        blurred = gaussian_blur2d(x, (2 * radius + 1, 2 * radius + 1), sigma, border_type="reflect")
        return torch.where(chosen(generator, x, self.probability), blurred, x)


@dataclass(frozen=True)
class Greyscale:
    probability: float = 0.2

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        return torch.where(chosen(generator, x, self.probability), rgb_to_grayscale(x).expand_as(x), x)


@dataclass(frozen=True)
class ColourJitter:
    """Factors 1 +- each of brightness, contrast, saturation; hue as a share of the circle."""

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.02

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        x = adjust_brightness(x, uniform(generator, x, -self.brightness, self.brightness))
        x = adjust_contrast(x, uniform(generator, x, 1 - self.contrast, 1 + self.contrast))
        hsv = rgb_to_hsv(x)  # once for both: the way there and back costs more than all the rest
        hsv = adjust_saturation_raw(hsv, uniform(generator, x, 1 - self.saturation, 1 + self.saturation))
        hsv = adjust_hue_raw(hsv, uniform(generator, x, -self.hue, self.hue) * 2 * torch.pi)
        return hsv_to_rgb(hsv).clamp(0, 1)


@dataclass(frozen=True)
class Flowers:
    """Random affine and colour jitter. Flowers stand in any pose, so the affine is wide."""

    affine: Affine = Affine(degrees=30, shift=0.1, scale=(0.8, 1.2), shear=10)
    jitter: ColourJitter = ColourJitter()

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        return self.jitter(self.affine(x, generator), generator)


@dataclass(frozen=True)
class CifarC:
    """Random affine only: colour and sharpness are what its anomalies change."""

    affine: Affine = Affine(degrees=15, shift=0.1, scale=(0.9, 1.1), shear=5)

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        return self.affine(x, generator)


@dataclass(frozen=True)
class Industrial:
    """Random affine, blur and greyscale. Parts are mounted in one pose, so the affine is narrow."""

    affine: Affine = Affine()
    blur: Blur = Blur()
    greyscale: Greyscale = Greyscale()

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        return self.greyscale(self.blur(self.affine(x, generator), generator), generator)
