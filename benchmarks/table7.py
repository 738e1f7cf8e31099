"""Table VII from the records of `sweeps/study/table7_*.yaml`: AUROC by batch norm, negative augmentation and steps,
with the paired difference to no fine-tuning and to no negatives.

    python -m benchmarks.table7 runs/table7_semicon/...
"""

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tune_runner.records import Records

Key = tuple[str, str, int]
"""Batch norm, negative augmentation, steps."""


def read(directory: Path) -> dict[Key, np.ndarray]:
    """AUROC in % of each episode, with the first scoring values."""
    found: dict[Key, list[float]] = {}
    for record in sorted(Records(directory).read(), key=lambda each: each.episode):
        for row in record.rows:
            if row.scoring == record.rows[0].scoring:
                training = record.training
                key = training.batch_norm, training.negative_augmentation, row.steps
                found.setdefault(key, []).append(100 * row.search.auroc)
    return {key: np.array(values) for key, values in found.items()}


def difference(a: np.ndarray, b: np.ndarray) -> str:
    """Mean of the paired differences, and each of them: with three episodes an interval would only pretend."""
    each = " ".join(f"{value:+.1f}" for value in a - b)
    return f"{(a - b).mean():+.1f} ({each})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    aurocs = read(parser.parse_args().directory)
    measured = ("AUROC %, mean ± sd", "per episode", "- no fine-tuning", "- no negatives")
    table = Table("batch norm", "negatives", "steps", *measured)
    for (batch_norm, negative, steps), values in sorted(aurocs.items()):
        none = aurocs.get((batch_norm, "none", steps))
        table.add_row(
            batch_norm,
            negative,
            str(steps),
            f"{values.mean():.1f} ± {values.std(ddof=1):.1f}",
            " ".join(f"{value:.1f}" for value in values),
            difference(values, aurocs[batch_norm, negative, 0]) if steps else "",
            difference(values, none) if negative != "none" and none is not None and steps else "",
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
