"""The figures of the paper's tables, typed: `published.yaml` beside this file."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tune_runner.space import KINDS
from tune_runner.yaml_lines import Scalar

Figure = Annotated[float, Field(ge=0, le=100)] | Literal["unreadable"] | None
"""AUROC in %, as printed; None where the paper gives none."""


def _known(where: dict[str, Any]) -> dict[str, Any]:
    for key in where:
        if key not in KINDS and key.partition(".")[0] not in ("dataset", "trainer"):
            raise ValueError(f"{key} is neither a setting of a row nor a key of `dataset` or `trainer`")
    return where


Where = Annotated[dict[str, Scalar], AfterValidator(_known)]
"""What a figure is compared with: settings of a row of ours, and what the sweep's file says."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """mean_over: for an average, the values of a key that it is the mean over."""

    name: str
    where: Where = {}
    mean_over: Annotated[dict[str, tuple[str, ...]], AfterValidator(_known), Field(max_length=1)] = {}


class Row(_Frozen):
    """One method. where: None for methods that are not ours. values: one a column, or empty where the paper has no
    such row."""

    name: str
    group: str = ""
    where: Where | None = None
    values: tuple[Figure, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.group}, {self.name}" if self.group else self.name


class Table(_Frozen):
    title: str
    caption: str
    protocol: str
    where: Where = {}
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> "Table":
        for row in self.rows:
            if row.values and len(row.values) != len(self.columns):
                raise ValueError(
                    f"{self.title}, {row.label}: {len(row.values)} values under {len(self.columns)} columns"
                )
        return self

    def figures(self, row: Row) -> tuple[Figure, ...]:
        """Of one of its rows, one a column."""
        return row.values or (None,) * len(self.columns)


class Published(_Frozen):
    """everywhere: what all figures of ours have in common, where their table does not say otherwise."""

    everywhere: Where
    tables: dict[str, Table]


@cache
def published() -> Published:
    """All tables, by the names of their files in `sweeps/paper/`."""
    text = files("tune_runner.paper").joinpath("published.yaml").read_text(encoding="utf-8")
    return Published.model_validate(yaml.safe_load(text))
