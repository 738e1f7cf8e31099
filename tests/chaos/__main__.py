"""What a sweep survives: drivers and workers killed at random moments, and MLflow away for half of the time.

    python -m tests.chaos --configurations 40 --kills 20 --mlflow steady away

A real Ray cluster of three nodes on this machine, the real command line, real training of small networks, a real MLflow
server. One sweep is left alone; each other one is killed and resumed until it is whole. Then what they hold is
compared, and every difference is a line and the exit code 1.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.harness import Sweep, three_nodes
from tests.chaos.held import Held, held
from tests.mlflow_server import Server


def table(columns: dict[str, Held]) -> Table:
    found = Table("", *columns)
    [truth, *_] = columns.values()
    for name, value in vars(truth).items():
        if isinstance(value, int):
            found.add_row(name.replace("_", " "), *(str(getattr(each, name)) for each in columns.values()))
    same = (sum(each.scores.get(key) == value for key, value in truth.scores.items()) for each in columns.values())
    found.add_row("episodes with the same scores as the first", *(f"{count} of {len(truth.scores)}" for count in same))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configurations", type=int, default=40)
    parser.add_argument("--kills", type=int, default=20, help="of the driver, in each disturbed sweep")
    parser.add_argument("--mlflow", nargs="+", choices=("steady", "away"), default=("steady", "away"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    console = Console()
    columns, problems = {}, []
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, three_nodes() as address:
        for kind in ("left alone", *args.mlflow):
            folder = Path(name) / kind.replace(" ", "-")
            (folder / "server").mkdir(parents=True)
            server = Server(folder / "server")
            server.start()
            try:
                sweep = Sweep(folder / "sweep", address, args.configurations, server)
                if kind == "left alone":
                    sweep.finish()
                else:
                    draw = random.Random(f"{args.seed} {kind}")
                    sweep.disturb(args.kills, draw, mlflow_away=kind == "away", say=console.print)
                column = kind if kind == "left alone" else f"killed, MLflow {kind}"
                columns[column] = found = held(sweep)
            finally:
                server.stop()
            kills = 0 if kind == "left alone" else args.kills
            problems += [
                f"{column}: {each}" for each in found.problems(args.configurations, kills, columns["left alone"])
            ]
    console.print(table(columns))
    for problem in problems:
        console.print(problem, style="red")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
