"""Table VII from the records of `sweeps/study/table7_*.yaml`: AUROC by negative augmentation and steps, with the paired
difference to no fine-tuning and to no negatives.

    python -m benchmarks.table7 runs/table7_semicon/...
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tune_runner.records import Records

Aurocs = Mapping[tuple[str, int], np.ndarray]


def read(directory: Path) -> dict[tuple[str, int], np.ndarray]:
    """(negative augmentation, steps) -> AUROC in % of each episode, with the first scoring values."""
    found: dict[tuple[str, int], list[float]] = {}
    for record in sorted(Records(directory).read(), key=lambda each: each.episode):
        for row in record.rows:
            if row.scoring == record.rows[0].scoring:
                found.setdefault((record.training.negative_augmentation, row.steps), []).append(100 * row.search.auroc)
    return {key: np.array(values) for key, values in found.items()}


def difference(a: np.ndarray, b: np.ndarray) -> str:
    """Mean of the paired differences, and each of them: with three episodes an interval would only pretend."""
    each = " ".join(f"{value:+.1f}" for value in a - b)
    return f"{(a - b).mean():+.1f} ({each})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    aurocs = read(parser.parse_args().directory)
    table = Table("negatives", "steps", "AUROC %, mean ± sd", "per episode", "- no fine-tuning", "- no negatives")
    for (negative, steps), values in sorted(aurocs.items()):
        none = aurocs.get(("none", steps))
        table.add_row(
            negative,
            str(steps),
            f"{values.mean():.1f} ± {values.std(ddof=1):.1f}",
            " ".join(f"{value:.1f}" for value in values),
            difference(values, aurocs[negative, 0]) if steps else "",
            difference(values, none) if negative != "none" and none is not None and steps else "",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
