"""Chinese for tables: why something is not computed."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # answering/tables/table.py
    "{text!r} in row {row} is not an exact number": "第 {row} 行的 {text!r} 不是确切的数",
    "the numbers are in different units ({units})": "各数的单位不同（{units}）",
    # answering/tables/rows.py
    "{asked} and {own} are different units": "{asked} 与 {own} 是不同的单位",
    "no number in the table fits": "表中没有符合条件的数",
    "{text!r} lies in no such period": "{text!r} 不属于这样的时段",
    # answering/tables/computing.py
    "percentages do not add up": "百分比不能相加",
    "rates and averages such as {name!r} do not add up": "{name!r} 这样的比率或平均数不能相加",
    "{name} stands in several rows each": "{name} 的同一个值出现在多行",
    "nothing can be divided by 0": "不能除以 0",
    "numbers below 0 have no share": "其中有负数，占比没有意义",
    "no column of the table says in which order its rows follow in time": "表中没有说明各行先后的时间列",
    # answering/tables/trends.py
    "a trend needs two periods or more": "趋势至少要有两个时段",
    "growth needs two periods": "增长要有两个时段",
    "annual growth needs periods of a year or parts of it": "年均增长要有以年、半年、季度或月为单位的时段",
    "annual growth needs amounts above 0": "年均增长要求数额大于 0",
    "the table has {n} rows of the period asked for": "表中所问时段有 {n} 行",
    "the table has no period to compare {period} with": "表中没有可与 {period} 相比的时段",
}
