"""What people see while a sweep runs: a live table in a terminal, plain lines elsewhere."""

import time
from collections import deque
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tune_runner.output import tell
from tune_runner.plan import duration
from tune_runner.written import written_number

_RECENT = 8  # finished trials on show


def has_live_table(console: Console) -> bool:
    """Whether a table can be drawn over itself: in a real terminal that is not dumb. FORCE_COLOR, which many CI systems
    set, makes rich call a log a terminal; twice a second a table would be added to it."""
    return console.is_interactive and not console.is_dumb_terminal and console.file.isatty()


class Progress:
    """Told by the driver's callback. Use as a context manager around the run."""

    def __init__(self, console: Console, *, total: int, done: int, failed: int, banner: str) -> None:
        self.console = console
        self.total, self.done, self.failed = total, done, failed
        self.banner = banner
        self.running: dict[int, str] = {}
        self.best: tuple[int, float, tuple[float, float]] | None = None
        self._recent: deque[tuple[int, str, str, str]] = deque(maxlen=_RECENT)
        self._before = done
        self._start = time.monotonic()
        self._table = has_live_table(console)
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=2)

    def __enter__(self) -> "Progress":
        if self._table:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._table:
            self._live.stop()

    def started(self, number: int, parameters: dict[str, Any]) -> None:
        self.running[number] = short(parameters)

    def ended(self, number: int, what: str, value: str) -> None:
        """what: complete, pruned or failed. value: its AUROC or the reason."""
        parameters = self.running.pop(number, "")
        self.done += 1
        self.failed += what == "failed"
        self._recent.appendleft((number, what, value, parameters))
        if not self._table:
            self.console.print(
                f"[{self.done}/{self.total}] trial {number} {what} {value}  {parameters}"
                f"  | best {self._best()} | ETA {self.eta()}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def note(self, text: str) -> None:
        tell(self.console, text)

    def eta(self) -> str:
        here = self.done - self._before
        if not here:
            return "measuring"
        return duration((self.total - self.done) * (time.monotonic() - self._start) / here)

    def _best(self) -> str:
        if self.best is None:
            return "-"
        number, value, (low, high) = self.best
        return f"{value:.3f} [{low:.3f}, {high:.3f}] (trial {number})"

    def _render(self) -> Group:
        head = Table.grid(padding=(0, 2))
        for label, text in [
            ("done", f"{self.done} of {self.total}, {len(self.running)} running, {self.failed} failed"),
            ("best", f"search AUROC {self._best()}"),
            ("time", f"{duration(time.monotonic() - self._start)} so far, ETA {self.eta()}"),
        ]:
            head.add_row(Text(label, style="bold"), text)
        table = Table("trial", "state", "AUROC", "parameters", expand=True)
        for number, parameters in self.running.items():
            table.add_row(str(number), "running", "", parameters, style="cyan")
        styles = {"complete": "", "pruned": "dim", "failed": "red"}
        for number, what, value, parameters in self._recent:
            table.add_row(str(number), what, value, parameters, style=styles[what])
        warning = [Text(self.banner, style="bold red")] if self.banner else []
        return Group(*warning, head, table)


def short(parameters: dict[str, Any]) -> str:
    return " ".join(
        f"{name}={written_number(value, 3) if isinstance(value, float) else value}"
        for name, value in parameters.items()
    )
