"""One simulated X-ray slice of a solder ball: what stands in the beam, and what the detector shows of it.

Lengths are in half-widths of the crop: it spans -1..1 in x (right) and y (down). The ball's axis is z; the beam is
tilted against it by an angle about x, as when a board is inspected obliquely. Solids are convex, so a ray meets each in
one interval of the ray's parameter t, and the intersection of solids is the intersection of intervals: path lengths are
exact, not sampled. Beer-Lambert's law makes transmissions of them. The constants were chosen by eye and by the grey
values of real crops, see benchmarks/solder_side_by_side.py.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CROP = 96
"""Pixels of a side: the real crops have 42 to 116."""

SUPERSAMPLING = 2
GRID = CROP * SUPERSAMPLING

# Attenuation in 1 / half-width, relative to each other about as tin, copper and gold at 60-90 keV.
TIN = 2.0
COPPER = 0.4
GOLD = 20.0

Plane = NDArray[np.floating[Any]]
"""(GRID, GRID) or, after the detector, (CROP, CROP)."""
Interval = tuple[Plane | float, Plane | float]

_axis = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID * 2 - 1
X, Y = np.meshgrid(_axis, _axis)


class VoidsDoNotFit(Exception):
    """The ball that was drawn has no room for the voids asked for."""


@dataclass(frozen=True)
class Slice:
    """pixels: (CROP, CROP) uint8. solder, void: (GRID, GRID) bool, their shadows; void lies inside solder."""

    pixels: NDArray[np.uint8]
    solder: NDArray[np.bool_]
    void: NDArray[np.bool_]

    @property
    def void_ratio_percent(self) -> float:
        """Void area over solder area, counted on the masks."""
        return 100 * float(self.void.sum() / self.solder.sum())


@dataclass(frozen=True)
class Ball:
    """A spheroid of solder about (x, y), cut off at z = -h and h.

    Axes: r across, c along z. pad: where the outer faces of the pads lie, at -pad and pad; beyond them solder has
    crept over the rim. tilt: of the beam, radians.
    """

    x: float
    y: float
    r: float
    c: float
    h: float
    pad: float
    tilt: float

    def slab(self, low: float, high: float) -> Interval:
        sin, cos = math.sin(self.tilt), math.cos(self.tilt)
        y = Y - self.y
        return (low - y * sin) / cos, (high - y * sin) / cos

    def spheroid(self) -> Interval:
        sin, cos = math.sin(self.tilt), math.cos(self.tilt)
        x, y = X - self.x, Y - self.y
        a = sin**2 / self.r**2 + cos**2 / self.c**2
        b = y * (sin * cos * (1 / self.c**2 - 1 / self.r**2))
        c = x**2 / self.r**2 + y**2 * (cos**2 / self.r**2 + sin**2 / self.c**2) - 1
        root = np.sqrt(np.maximum(b**2 - a * c, 0))
        return (-b - root) / a, (-b + root) / a

    def cylinder(self, radius: float) -> Interval:
        """Round about the ball's axis and endless: cut it with a slab."""
        sin, cos = max(math.sin(self.tilt), 1e-3), math.cos(self.tilt)
        x, y = X - self.x, Y - self.y
        half = np.sqrt(np.maximum(radius**2 - x**2, 0)) / sin
        middle = y * (cos / sin)
        return middle - half, middle + half


def length(*solids: Interval) -> Plane:
    """Of each ray inside all `solids`."""
    start = solids[0][0]
    end = solids[0][1]
    for low, high in solids[1:]:
        start, end = np.maximum(start, low), np.minimum(end, high)
    return np.maximum(end - start, 0).astype(np.float32)


def render(rng: np.random.Generator, void_ratio_percent: float, voids: int) -> Slice:
    """A slice whose `voids` voids together have `void_ratio_percent` of the solder's area; everything else is drawn.

    Raises VoidsDoNotFit if voids of that size cannot be placed beside each other.
    """
    oblique = rng.random() < 0.45
    foggy = oblique and rng.random() < 0.25
    r = rng.uniform(0.9, 1.0) * (1 if oblique or rng.random() < 0.8 else 0.78)
    barrel = oblique and rng.random() < 0.4
    c = r * (rng.uniform(1.2, 1.5) if barrel else rng.uniform(0.85, 1.1))
    h = rng.uniform(0.7, 0.8) * c if barrel else 0.9 * c if oblique else rng.uniform(0.55, 0.75) * r
    ball = Ball(
        x=rng.normal(0, 0.05),
        y=rng.normal(0, 0.05),
        r=r * rng.uniform(0.85, 0.95) if barrel else r,
        c=c,
        h=h,
        pad=h if not oblique else rng.uniform(0.6, 0.8) * h if barrel else rng.uniform(0.55, 0.7) * h,
        tilt=math.radians(rng.uniform(38, 52) if oblique else rng.exponential(3.0)),
    )
    path, solder, outline = _joint(rng, ball, oblique)
    void_mask, removed = _voids(rng, ball, outline, solder, void_ratio_percent, voids)
    path -= TIN * removed
    if not foggy:
        path += _surroundings(rng, ball, outline)
    return Slice(_detected(rng, path, foggy), outline, void_mask)


def _joint(rng: np.random.Generator, ball: Ball, oblique: bool) -> tuple[Plane, Plane, NDArray[np.bool_]]:
    """Attenuation of ball and pads together, the length of solder in each ray, and the ball's outline."""
    spheroid, gap = ball.spheroid(), ball.slab(-ball.h, ball.h)
    whole = length(spheroid, gap)
    outline = whole > 0
    solder = whole
    pads = np.zeros_like(whole)
    mask_opening = rng.uniform(0.6, 0.8) * ball.r
    for side in (-1, 1):
        radius = mask_opening * rng.uniform(0.92, 1.08)
        near = rng.uniform(0.6, 0.9) if oblique else rng.uniform(0.25, 0.5)
        thickness = ball.pad * (near if side > 0 else rng.uniform(0.02, 0.12))
        z = sorted((side * ball.pad, side * (ball.pad - thickness)))
        pad = length(ball.cylinder(radius), ball.slab(*z))
        pads += pad
        # The pad stands in the solder, which flows down its flank: less tin over the pad, a dark ring around it.
        solder = solder - length(spheroid, ball.cylinder(radius), ball.slab(*z))
        if side > 0 and rng.random() < (0.9 if oblique else 0.6):
            pads -= (rng.uniform(0.35, 0.8) if oblique else rng.uniform(0.05, 0.4)) * _grain(rng) * (pad > 0)
        if not oblique and rng.random() < 0.55:
            # Flux left in the corner between pad and solder mask: a bright crescent, open to one side.
            edge = np.hypot(X - ball.x, Y - ball.y) - radius
            turn = np.cos(np.arctan2(Y - ball.y, X - ball.x) - rng.uniform(0, 2 * np.pi))
            width = rng.uniform(0.02, 0.09)
            bright = rng.uniform(0.2, 0.7) * (1 + 0.5 * _grain(rng))
            solder = solder - bright * np.exp(-((edge / width) ** 2)) * np.clip(turn + 0.3, 0, 1)
    if rng.random() < 0.25:  # a via in the pad: a dark wall around a core that attenuates less than solder
        from_via = np.hypot(X - ball.x - rng.uniform(-0.3, 0.3), Y - ball.y - rng.uniform(-0.2, 0.4))
        radius = rng.uniform(0.1, 0.25)
        pads += rng.uniform(0.3, 1.0) * (np.abs(from_via - radius) < rng.uniform(0.02, 0.05))
        solder = solder - rng.uniform(0.0, 0.2) * (from_via < radius)
    solder = np.maximum(solder, 0)
    return TIN * solder + COPPER * pads, solder, outline


def _grain(rng: np.random.Generator) -> Plane:
    """Scattered small grains, 0 between them, about 1 on them: the roughness of a pad."""
    noise = _blurred(rng.standard_normal((CROP, CROP), np.float32), rng.uniform(0.45, 0.7))
    return _enlarged(np.clip(noise / noise.std() - 0.3, 0, 1.5))


def _enlarged(plane: Plane) -> Plane:
    """(CROP, CROP) to (GRID, GRID)."""
    return np.kron(plane, np.ones((SUPERSAMPLING, SUPERSAMPLING), np.float32))


def _voids(
    rng: np.random.Generator, ball: Ball, outline: NDArray[np.bool_], solder: Plane, ratio_percent: float, count: int
) -> tuple[NDArray[np.bool_], Plane]:
    """The shadows of `count` voids, none over another and none over the outline's edge, and the solder they displace.

    They gather over the pads, where the flux boils. A void is round in the image and drawn out along the beam: spheres
    showed less contrast than the real ones do.
    """
    mask = np.zeros_like(outline)
    removed = np.zeros_like(solder)
    if not count or not ratio_percent:
        return mask, removed
    area = float(outline.sum()) * (2 / GRID) ** 2
    gathered = outline & (np.hypot(X - ball.x, 0.8 * (Y - ball.y)) < rng.uniform(0.75, 1.0) * ball.r)
    shares = np.sort(rng.dirichlet(np.full(count, 1.8)))[::-1]
    for x, y, radius in _places(rng, gathered, np.sqrt(shares * ratio_percent / 100 * area / np.pi)):
        square = radius**2 - (X - x) ** 2 - (Y - y) ** 2
        mask |= square > 0
        removed += 2 * rng.uniform(1.8, 3.0) * np.sqrt(np.maximum(square, 0))
    return mask & outline, np.minimum(removed, 0.95 * solder)


def _places(
    rng: np.random.Generator, outline: NDArray[np.bool_], radii: NDArray[np.float64], attempts: int = 60
) -> list[tuple[float, float, float]]:
    """A centre for each of `radii`, largest first: (x, y, radius)."""
    ys, xs = np.nonzero(outline)
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for _ in range(attempts):
        placed: list[tuple[float, float, float]] = []
        for radius in radii:
            tried = rng.integers(len(xs), size=64)
            x, y = X[0, xs[tried]].astype(np.float64), Y[ys[tried], 0].astype(np.float64)
            rim_x = x[:, None] + (radius + 0.02) * np.cos(around)
            rim_y = y[:, None] + (radius + 0.02) * np.sin(around)
            fits = (np.abs(rim_x) < 1).all(1) & (np.abs(rim_y) < 1).all(1)
            fits &= outline[_pixel(rim_y), _pixel(rim_x)].all(1)
            for other_x, other_y, other in placed:
                fits &= np.hypot(x - other_x, y - other_y) > radius + other + 0.01
            if not fits.any():
                break
            first = int(np.argmax(fits))
            placed.append((float(x[first]), float(y[first]), float(radius)))
        else:
            return placed
    raise VoidsDoNotFit(f"{len(radii)} voids of radii {radii.min():.2f} to {radii.max():.2f} do not fit into the ball")


def _pixel(position: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.clip((position + 1) / 2 * GRID, 0, GRID - 1).astype(np.int64)


def _surroundings(rng: np.random.Generator, ball: Ball, outline: NDArray[np.bool_]) -> Plane:
    """Attenuation of what else is in the beam: copper traces and planes, vias, bond wires, a neighbouring ball."""
    copper = np.zeros_like(X)
    distance = np.hypot(X - ball.x, Y - ball.y)
    if rng.random() < 0.6:  # traces beside the ball, often a bus of parallel ones
        across = _along(rng.choice([0, np.pi / 4, np.pi / 2, -np.pi / 4]) + rng.normal(0, 0.08))[1]
        pitch = rng.uniform(0.16, 0.5)
        wave = np.abs((across / pitch + rng.uniform(0, 1)) % 1 - 0.5)
        place = _along(rng.uniform(0, 2 * np.pi))[0] > rng.uniform(-0.6, 0.8)
        copper += rng.uniform(0.1, 0.5) * ((wave < rng.uniform(0.15, 0.35)) & place)
    if rng.random() < 0.25:  # a copper plane around an opening
        copper += rng.uniform(0.1, 0.6) * (1 + 0.3 * _grain(rng)) * (distance > ball.r * rng.uniform(1.0, 1.15))
    if rng.random() < 0.22:  # the pad's own trace, widening towards it as a teardrop
        along, across = _along(rng.uniform(0, 2 * np.pi))
        width = rng.uniform(0.1, 0.22) + 0.35 * np.clip(1.1 - along, 0, 1)
        copper += rng.uniform(0.6, 1.0) * ((along > 0) & (np.abs(across) < width) & ~outline)
    weave = _blurred(rng.standard_normal((CROP, CROP), np.float32), 2.5)  # the glass in the laminate
    copper += rng.uniform(0.02, 0.05) * _enlarged(np.maximum(weave / weave.std() + 1, 0))
    for _ in range(rng.poisson(0.25)):  # a via
        x, y = rng.uniform(-1, 1, 2)
        wall = np.abs(np.hypot(X - x, Y - y) - rng.uniform(0.06, 0.16))
        copper += 0.8 * (wall < rng.uniform(0.02, 0.04)) * ~outline
    if rng.random() < 0.2:  # the ball below or above
        side = 1 if rng.random() < 0.5 else -1
        other = Ball(
            ball.x + rng.normal(0, 0.1), side * rng.uniform(1.75, 2.1), ball.r, ball.c, ball.h, ball.pad, ball.tilt
        )
        copper += TIN * length(other.spheroid(), other.slab(-other.h, other.h)) * ~outline
    # Tin takes the soft part of the beam: copper behind it attenuates what is left much less.
    path = np.where(outline, np.float32(0.3), np.float32(1)) * copper
    if rng.random() < 0.35:
        path += GOLD * _wires(rng)
    return path


def _along(angle: float) -> tuple[Plane, Plane]:
    """Coordinates along and across the direction `angle`."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return X * cos + Y * sin, Y * cos - X * sin


def _wires(rng: np.random.Generator) -> Plane:
    """Length of gold: a fan of slightly bent bond wires over the whole crop."""
    along, across = _along(rng.uniform(0, np.pi))
    radius = rng.uniform(0.025, 0.045)
    pitch = rng.uniform(0.2, 0.45)
    gold = np.zeros_like(X)
    for position in np.arange(-1.3, 1.3, pitch).tolist():
        if rng.random() < 0.12:
            continue
        start = position + rng.normal(0, 0.12 * pitch)
        line = start + rng.normal(0, 0.05) * along + rng.normal(0, 0.04) * along**2
        gold += 2 * np.sqrt(np.maximum(radius**2 - (across - line) ** 2, 0))
    return gold


def _detected(rng: np.random.Generator, path: Plane, foggy: bool) -> NDArray[np.uint8]:
    """(CROP, CROP): photons that pass, blurred and counted, shaded by the source, then shown with local contrast."""
    beam = np.exp(-np.maximum(path, 0)).reshape(CROP, SUPERSAMPLING, CROP, SUPERSAMPLING).mean((1, 3))
    scatter = rng.uniform(0.01, 0.05)
    beam = (1 - scatter) * beam + scatter * beam.mean()
    beam = _blurred(beam, rng.uniform(1.2, 1.8) if foggy else rng.uniform(0.3, 0.65))
    x, y = X[::SUPERSAMPLING, ::SUPERSAMPLING], Y[::SUPERSAMPLING, ::SUPERSAMPLING]
    gradient = rng.normal(0, 0.04, 2)
    beam = beam * (1 + gradient[0] * x + gradient[1] * y - rng.uniform(0, 0.06) * (x**2 + y**2))
    photons = np.exp(rng.uniform(np.log(250), np.log(4000))) * (4 if foggy else 1)
    counted = _blurred(rng.poisson(np.maximum(beam, 0) * photons).astype(np.float32) / photons, 0.45)
    shown = np.maximum(counted, 1e-3) ** rng.uniform(0.2, 0.5)
    shown = shown + rng.uniform(0.15, 0.45) * (shown - _blurred(shown, rng.uniform(6, 11)))
    black, white = np.percentile(shown, (0.3, 97))
    low, high = rng.normal(42, 16), rng.normal(236, 14)
    return (low + (shown - black) / (white - black) * (high - low)).round().clip(0, 255).astype(np.uint8)


def _blurred(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur of (CROP, CROP), the picture mirrored at its edges.

    A sum of shifted planes: its order is fixed, where that of a matrix product depends on the number of threads.
    """
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        edge = [(0, 0), (0, 0)]
        edge[axis] = (reach, reach)
        padded = np.pad(plane.astype(np.float32), edge, mode="symmetric")
        plane = np.zeros((CROP, CROP), np.float32)
        for shift, weight in enumerate(weights):
            plane += weight * (padded[shift : shift + CROP] if axis == 0 else padded[:, shift : shift + CROP])
    return plane
