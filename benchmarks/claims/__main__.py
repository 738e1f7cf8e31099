"""python -m benchmarks.claims: see the package."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import optuna
from rich.console import Console

import benchmarks.claims
from benchmarks.claims.comparing import compared
from benchmarks.claims.counting import Rate, rates, tables
from benchmarks.claims.document import page
from benchmarks.claims.reading import findings
from benchmarks.claims.scenarios import SCENARIOS, Cell, Scenario, cells
from benchmarks.claims.shortcuts import forget, shortcuts
from benchmarks.claims.studies import folder, planted
from benchmarks.claims.truth import Finding
from coftad.seeding import derive

_CHUNK = 10  # studies that a process makes at once


def study(name: str, cell: Cell, seed: int) -> list[Finding]:
    """One study, or two of the same configurations where they are compared."""
    scenario = SCENARIOS[name]
    forget()
    with folder() as place:
        sweeps = [
            planted(scenario, cell, place / str(data), seed=seed, data=data) for data in range(1 + scenario.compared)
        ]
        return list(compared(sweeps) if scenario.compared else findings(sweeps[0]))


def studies(name: str, cell: Cell, seeds: Sequence[int]) -> list[list[Finding]]:
    """In a process of their own."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with shortcuts():
        return [study(name, cell, seed) for seed in seeds]


def measure(chosen: Sequence[tuple[Scenario, Cell]], count: int, seed: int, processes: int) -> Iterator[list[Rate]]:
    """Of one cell after the other. A cell has the same studies whichever others are measured."""
    with ProcessPoolExecutor(processes) as pool:
        submitted = []
        for scenario, cell in chosen:
            seeds = [derive(seed, "study", scenario.name, repr(cell), index) for index in range(count)]
            parts = [seeds[start : start + _CHUNK] for start in range(0, count, _CHUNK)]
            submitted.append((scenario, cell, [pool.submit(studies, scenario.name, cell, part) for part in parts]))
        for scenario, cell, futures in submitted:
            yield rates(scenario.name, cell, [each for future in futures for each in future.result()])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.claims",
        description=benchmarks.claims.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--studies", type=int, default=200, help="of each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="where the cells are written")
    parser.add_argument("--markdown", type=Path, help="where the page of the documentation is written")
    parser.add_argument("--read", type=Path, help="the cells of an earlier run, in place of measuring")
    parser.add_argument("--resume", action="store_true", help="keep the cells that are in the JSON file already")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, default=[], help="this one; may be repeated")
    for field in ("trials", "episodes", "noise", "effect"):
        parser.add_argument(f"--{field}", type=int, nargs="+", default=[], help="only cells with these")
    parser.add_argument("--full", action="store_true", help="also the cells that are measured on demand")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args(arguments)
    if args.resume and not (args.json and args.json.exists()):
        parser.error("--resume: expected --json with the file of an earlier run of the same code and seed")
    only = {field: getattr(args, field) for field in ("trials", "episodes", "noise", "effect")}
    chosen = list(cells(args.scenario, full=args.full, **only))
    start = time.monotonic()
    found: list[Rate] = []
    if args.read:
        found, chosen = [Rate(**cell) for cell in json.loads(args.read.read_text())], []
    if args.resume:
        found = [Rate(**cell) for cell in json.loads(args.json.read_text())]
        done_before = {(rate.scenario, rate.cell) for rate in found}
        chosen = [(scenario, cell) for scenario, cell in chosen if (scenario.name, cell) not in done_before]
    for done, ((scenario, cell), each) in enumerate(
        zip(chosen, measure(chosen, args.studies, args.seed, args.processes), strict=True), 1
    ):
        found += each
        above = [rate.sentence for rate in each if rate.above]
        print(
            f"[{done}/{len(chosen)}, {time.monotonic() - start:.0f} s] {scenario.name}: {cell.trials} trials, "
            f"{cell.episodes} episodes, noise {cell.noise}, effect {cell.effect}"
            f"{': above 5 %: ' + ', '.join(above) if above else ''}",
            flush=True,
        )
        if args.json:  # each time: the whole takes long
            args.json.write_text(json.dumps([asdict(rate) for rate in found], indent=1) + "\n")
    if args.markdown:
        command = f"python -m benchmarks.claims --studies {args.studies} --seed {args.seed} --json OUT"
        args.markdown.write_text(page(found, command))
    console = Console(width=None if sys.stdout.isatty() else 200)
    for table in tables(found):
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
