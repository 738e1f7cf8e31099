"""One place where the study, the records and MLflow of a sweep do not say the same, and what its mending takes away."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Disagreement:
    """kind: for programs. text: which trial or file, and what each side says. mend: what `--fix` does about it, or,
    where it is not `mendable`, what a person can do.

    lines: byte ranges of records.jsonl, and files: absolute paths, both to be set aside. runs: of MLflow, to be
    deleted.
    """

    kind: str
    text: str
    mend: str
    trial: int | None = None
    mendable: bool = True
    lines: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    files: tuple[Path, ...] = field(default=(), repr=False)
    runs: tuple[str, ...] = field(default=(), repr=False)
