"""Positive and negative augmentation. To add one: a frozen dataclass in one of the files, a line here, its name in
`coftad.types`; tests/coftad/views/test_conformance.py checks the rest."""

from collections.abc import Callable, Mapping

from torch import Generator, Tensor

from coftad.types import NegativeView, PositiveView
from coftad.views.negative import BlurBrightnessContrast, CutPaste, CutPaste3Way, CutPasteScar, Void
from coftad.views.positive import CifarC, Flowers, Industrial

View = Callable[[Tensor, Generator], Tensor]
"""(B, 3, H, W) float in [0, 1] and a CPU generator -> the same shape, range and device."""

POSITIVES: Mapping[PositiveView, View] = {"flowers": Flowers(), "cifar_c": CifarC(), "industrial": Industrial()}

NEGATIVES: Mapping[NegativeView, View | None] = {
    "none": None,
    "cutpaste": CutPaste(),
    "cutpaste_scar": CutPasteScar(),
    "cutpaste_3way": CutPaste3Way(),
    "blur_brightness_contrast": BlurBrightnessContrast(),
    "void": Void(),
}
