"""What is to be computed: one operation, the table that its columns count in, and which columns add up."""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from qianxun.answering.tables.layout import laid_out
from qianxun.answering.tables.mentions import Condition
from qianxun.answering.tables.table import Table
from qianxun.text import fold

Name: TypeAlias = Literal[
    "sum", "mean", "median", "max", "min", "range", "count", "difference", "growth", "changes", "ratio", "share",
    "trend", "cagr", "top", "group",
]  # fmt: skip
Of: TypeAlias = Literal["", "sum", "mean", "median", "max", "min", "count"]
Against: TypeAlias = Literal["", "period before", "year before"]

# What does not add up, by its name: rates and averages never, prices and ages only if they are asked for.
NEVER_ADDED: Final = re.compile(
    r".*(?:率|比例|比重|占比|百分比|平均|均值|均价|指数|排名|同比|环比|增长|增速)"
    r"|.*\b(?:rates?|ratios?|percent(?:age)?|averages?|avg|mean|index|rank|growth|margins?|yoy|mom)\b.*"
)
_SELDOM_ADDED: Final = re.compile(
    r".*(?:单价|价格|售价|年龄|温度|气温|评分)|.*\b(?:prices?|ages?|temperatures?|ratings?)\b.*"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is to be computed. Columns count from 0 in the table as `view` gives it.

    `where` chooses the rows. `by` is the column whose values make groups, or name rows; `by_kind` widens periods
    (quarters of months). `of` says what becomes of the rows of a group. `first` and `second` are the two sides of a
    difference (first minus second), a ratio, a growth (from second to first); `first` alone the part of a share.
    `against` says which period a growth is over, where `second` does not. `n` and `smallest` are of `top` (n 0: all).
    `as_written`: columns count in the table itself, not as laid out.
    """

    name: Name
    column: int | None
    where: tuple[Condition, ...] = ()
    by: int | None = None
    by_kind: str = ""
    of: Of = ""
    first: tuple[Condition, ...] = ()
    second: tuple[Condition, ...] = ()
    against: Against = ""
    n: int = 0
    smallest: bool = False
    as_written: bool = False


def view(table: Table, operation: Operation | None = None) -> Table:
    """The table in which an operation's columns count: laid out with a row for each period, or as written."""
    return table if operation is not None and operation.as_written else laid_out(table)


def adds_up(table: Table, column: int) -> bool:
    """False for percentages, and for what a column's name says is a rate, an average, a price."""
    one = table.columns[column]
    name = fold(one.name)
    return not one.unit.is_share and not NEVER_ADDED.fullmatch(name) and not _SELDOM_ADDED.fullmatch(name)
