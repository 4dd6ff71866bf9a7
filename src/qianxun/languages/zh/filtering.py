"""Chinese for the filter language."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # retrieval/filter_language.py
    "The filter is empty.": "过滤条件为空。",
    "Write a condition, such as format = pdf.": "请写一个条件，例如 format = pdf（格式 = pdf）。",
    "The filter has {n} characters, but no more than {most} are read.": "过滤条件有 {n} 个字符，最多只能有 {most} 个。",
    "Put the values of one field into a list: label in (hr, finance).": "请把同一字段的多个值写成列表：标签 属于（人事、财务）。",
    "Filter, column {column}: this is nested deeper than {most} levels.": "过滤条件第 {column} 列：嵌套超过 {most} 层。",
    "Take out parentheses and nots that change nothing.": "请去掉多余的括号和“非”。",
    "Filter, column {column}: this parenthesis is not closed.": "过滤条件第 {column} 列：括号没有配对。",
    "Write ) where the group ends.": "请在这一组条件结束处写上右括号“）”。",
    "Filter, column {column}: it has more than {most} conditions.": "过滤条件第 {column} 列：条件超过 {most} 个。",
    "Filter, column {column}: a field is expected, not {seen!r}.": "过滤条件第 {column} 列：此处应为字段，而不是 {seen!r}。",
    "The filter ends where a field is expected (column {column}).": "过滤条件在应有字段处结束（第 {column} 列）。",
    "Filter, column {column}: after {field} an operator is expected, not {seen!r}.": "过滤条件第 {column} 列：{field} 之后应为运算符，而不是 {seen!r}。",
    "The filter ends where an operator is expected after {field} (column {column}).": "过滤条件在 {field} 之后应有运算符处结束（第 {column} 列）。",
    "Operators of {field}: {operators}.": "{field} 可用的运算符：{operators}。",
    "Filter, column {column}: ( is expected, not {seen!r}.": "过滤条件第 {column} 列：此处应为左括号“（”，而不是 {seen!r}。",
    "The filter ends where ( is expected (column {column}).": "过滤条件在应有左括号“（”处结束（第 {column} 列）。",
    "Write the values in parentheses: label in (hr, finance).": "请把各个值写在括号里：标签 属于（人事、财务）。",
    "Filter, column {column}: this list is not closed.": "过滤条件第 {column} 列：列表没有结束。",
    "Filter, column {column}: a comma or ) is expected, not {seen!r}.": "过滤条件第 {column} 列：此处应为逗号或右括号“）”，而不是 {seen!r}。",
    "Put commas between values, ) after the last one and quotes around one with spaces.": "请用逗号分隔各个值，在最后一个值之后写右括号，含空格的值要加引号。",
    "Filter, column {column}: a value is expected, not {seen!r}.": "过滤条件第 {column} 列：此处应为值，而不是 {seen!r}。",
    "The filter ends where a value is expected (column {column}).": "过滤条件在应有值处结束（第 {column} 列）。",
    "Write a value, in quotes if it has spaces or signs or is a word of this language.": "请写一个值；如果含有空格或符号，或本身是“且”“或”之类的词，请加引号。",
    "Filter, column {column}: the quote {opening} is not closed.": "过滤条件第 {column} 列：引号 {opening} 没有配对。",
    "Write {closing} after the value.": "请在值的后面写上 {closing}。",
    "Filter, column {column}: {field} has no operator {operator}.": "过滤条件第 {column} 列：{field} 没有运算符 {operator}。",
    "Filter, column {column}: {seen!r} is no date.": "过滤条件第 {column} 列：{seen!r} 不是日期。",
    "Write 2025, 2025-03, 2025-03-01, today, or an age: 7d, 3w, 6m, 1y.": "请写 2025、2025-03、2025-03-01、今天，或多久以前：7天、3周、6个月、1年。",
    "Filter, column {column}: and, or or the end is expected, not {seen!r}.": "过滤条件第 {column} 列：此处应为“且”“或”或结尾，而不是 {seen!r}。",
    "Put and or or between conditions, and quotes around a value with spaces.": "请在条件之间写“且”或“或”（前后留空格），含空格的值要加引号。",
}
