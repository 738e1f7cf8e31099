"""Detectors behind one protocol. To add one: a file here and a line in DETECTORS; the conformance test runs it."""

from collections.abc import Callable, Mapping

from coftad.detectors.coftad import CoftAD
from coftad.detectors.protocol import Detector, Fitted

DETECTORS: Mapping[str, Callable[..., Detector]] = {"coftad": CoftAD}

__all__ = ["DETECTORS", "CoftAD", "Detector", "Fitted"]
