"""Reports of evaluations as files: JSON for programs, Markdown for a wiki, one HTML page with plots for people.

`page_of_retrieval`, `page_of_comparison` and `page_of_ablation` make a page of the JSON that the commands print;
`write_report` writes it. Whatever is in the page is in the JSON.
"""

from qianxun.evaluation.reports.ablation import page_of_ablation
from qianxun.evaluation.reports.comparison import page_of_comparison
from qianxun.evaluation.reports.file import report_file, write_report
from qianxun.evaluation.reports.retrieval import page_of_retrieval

__all__ = ["page_of_ablation", "page_of_comparison", "page_of_retrieval", "report_file", "write_report"]
