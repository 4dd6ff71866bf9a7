"""Writes docs/commands.md and docs/settings.md from the code; `--check` only says whether they are current.

The commands page is every command's `--help`; the settings page is `qianxun.settings.every_setting`.
Both are English, at a fixed width, so the result is the same on every machine.
"""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
COLUMNS = "98"

EXIT_CODES = """\
## Exit codes

| code | when |
| --- | --- |
| 0 | Done. Also when `search` finds nothing, `ask` finds no evidence (see `verdict`), or `remove` is answered no. |
| 1 | `doctor` found a fault; `reindex`: worse; `eval compare`: worse; `models plan`: no room; or another error. |
| 2 | The command line, a setting, a path or a question cannot be used. |
| 3 | `add`: some files could not be read; `extract`: some gave nothing valid. They are named; all others are kept. |
| 4 | What was named does not exist, or may not be seen by the asker. |
| 5 | `check` found orphans or gaps, `audit verify` tampering; or an index cannot be used (`qianxun rebuild`). |
| 68 | A page, site, repository, bucket, mailbox or service cannot be reached, refuses, or is none. |
| 69 | An optional package is not installed; the message is the line that installs it. |
| 70 | An error nobody foresaw. `-v` shows the traceback. |
| 74 | Disk or knowledge base: no room, damaged, made by a newer version. |
| 75 | Another process is writing, and `--no-wait` was given (or `check` was asked while an `add` runs). |
| 76 | A model failed: not reachable, too slow, busy, refused, answered nonsense, or failed its self-test. |
| 77 | Who asks may not: no key that holds, a key that does not allow it, or a limit that is reached. |
| 130 | Ctrl-C. `add`, `extract`, `rebuild`, `reindex`, `compact`, `models pull` go on when they are run again. |
| 141 | Whoever read our output has gone (`qianxun list \\| head`). |

## Output

Results go to standard output; progress, warnings and errors to standard error. On a terminal there are
colours (not with `NO_COLOR`) and aligned tables. Piped, lines are plain and whole, and tables are
tab-separated under one line of headers. With `--json`, standard output holds exactly one JSON document
([json.md](json.md)), also for errors.

The language is that of `--language`, else of the setting `language`, else of the locale: `en` or `zh`.
"""


def commands_page() -> str:
    """docs/commands.md."""
    os.environ["COLUMNS"] = COLUMNS
    from qianxun.cli.main import commands, overview, overview_parser, parser_of

    lines = ["# Commands", "", "Made from `--help` by `python tools/make_docs.py`; do not edit.", ""]
    lines += ["```", *_help(overview(overview_parser())), "```", ""]
    for _, group in commands():
        for name, _ in group:
            help_text = parser_of(name).format_help().partition("\noptions of every command")[0]
            lines += [f"## {name}", "", "```", *_help(help_text), "```", ""]
    return "\n".join(lines) + "\n" + EXIT_CODES


def settings_page() -> str:
    """docs/settings.md."""
    from qianxun.settings import every_setting, to_toml

    lines = [
        "# Settings",
        "",
        "Made from the code by `python tools/make_docs.py`; do not edit.",
        "",
        "Where a setting comes from, the weakest first: the default below; the `profile` ([models.md](models.md));",
        "`qianxun.toml` (the file given with `--config`, else the working directory's, else the one in the home",
        "folder); the knowledge base's own `kb.toml`; variables such as `QIANXUN_SEARCH__K=5` (two underscores between",
        "section and key); `--set search.k=5`. An unknown key is an error that names the nearest known one. `qianxun",
        "init` writes a file with every setting in it.",
    ]
    section = None
    for setting in every_setting():
        head, _, key = setting.key.rpartition(".")
        if head != section:
            section = head
            lines += ["", f"## [{head}]" if head else "## Top of the file", ""]
            lines += ["| key | default | kind | what it is |", "| --- | --- | --- | --- |"]
        kind = setting.kind.replace("|", "\\|")
        lines.append(f"| `{key}` | `{to_toml(setting.default)}` | {kind} | {setting.about} |")
    return "\n".join(lines) + "\n"


def _help(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def pages() -> dict[Path, str]:
    """Each page's place and content."""
    return {DOCS / "commands.md": commands_page(), DOCS / "settings.md": settings_page()}


def main() -> int:
    """Writes the pages, or with --check names those that are not current and returns 1."""
    stale = [p for p, text in pages().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is not current: run python tools/make_docs.py")
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
