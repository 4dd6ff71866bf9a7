"""Tables in questions and passages: found, understood and computed by code. Knows no model and no store.

    tables = tables_in(question)
    for table in tables:
        for result in results(instruction(question, tables), table):
            print(result.statement_en)

`table_of` reads the table that a passage is cut from, `as_prompt` writes one for a prompt.
"""

from qianxun.answering.tables.asking import operations
from qianxun.answering.tables.computing import Computed, Refused, compute, results
from qianxun.answering.tables.mentions import Condition
from qianxun.answering.tables.operation import Operation
from qianxun.answering.tables.periods import Period
from qianxun.answering.tables.reading import instruction, table_of, tables_in
from qianxun.answering.tables.showing import as_prompt
from qianxun.answering.tables.table import Cell, Column, Table
from qianxun.answering.tables.units import Unit
from qianxun.answering.tables.values import Quantity, Value

__all__ = [
    "Cell",
    "Column",
    "Computed",
    "Condition",
    "Operation",
    "Period",
    "Quantity",
    "Refused",
    "Table",
    "Unit",
    "Value",
    "as_prompt",
    "compute",
    "instruction",
    "operations",
    "results",
    "table_of",
    "tables_in",
]
