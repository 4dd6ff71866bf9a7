"""`qianxun models check`: every check of every model that the settings name, and what to do about those that fail."""

import argparse
from typing import TYPE_CHECKING

from qianxun.cli.session import Session, say_if_other_encoder
from qianxun.errors import SettingsError, UnfitModel
from qianxun.messages import say
from qianxun.shapes import model_report_shape, version

if TYPE_CHECKING:
    from qianxun.models.check import ModelReport

ROLES = ("encoder", "reranker", "generator")


def description() -> str:
    """What help says at the top."""
    return say(
        "Tests the models of the settings, and of the knowledge base if there is one: length, dimension and "
        "repeatability of vectors, instructions and end tokens really applied, the reranker's prompt, meaning. The "
        "same tests run before a model is first used; one that fails is refused."
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `models check`."""
    parser.add_argument(
        "role", metavar="ROLE", nargs="?", choices=ROLES, help=say("encoder, reranker or generator (default: all)")
    )


def run(session: Session, args: argparse.Namespace) -> int:
    """Prints every check. The exit code is that of a model that failed, if one did."""
    roles = [args.role] if args.role else list(ROLES)
    reports = _reports(session, roles)
    if not reports:
        raise SettingsError(
            "No models are set that need a test: {roles}.",
            remedy="Set encoder.model, reranker.model or generator.model. The builtin encoder needs none.",
            roles=", ".join(roles),
        )
    if session.as_json:
        session.print_json({"models": [model_report_shape(report) for report in reports], "version": version()})
    else:
        for report in reports:
            _show(session, report)
    return 0 if all(report.ok for report in reports) else UnfitModel.exit_code


def _reports(session: Session, roles: list[str]) -> "list[ModelReport]":
    from qianxun import assemble

    if not (session.directory / "knowledge.db").is_file():
        return [report for role in roles if (report := assemble.check_model(role, session.settings)) is not None]
    with session.open() as base:
        if "encoder" in roles:
            say_if_other_encoder(session, base)
        return [report for role in roles if (report := base.check_model(role)) is not None]


def _show(session: Session, report: "ModelReport") -> None:
    session.out.line((f"{report.role}  {report.identity}", "bold"))
    session.out.line(("  " + report.served_by, "dim"))
    for finding in report.findings:
        counts = not (finding.of_meaning and report.waived)
        mark, style = ("✓", "green") if finding.passed else ("✗", "red") if counts else ("–", "yellow")
        said = finding.in_words() + ("" if finding.passed or counts else say(" (waived)"))
        session.out.line(f"  {mark} ", (finding.check, style), say(": "), said)
        if not finding.passed:
            session.out.paragraph(say(finding.remedy), indent=4)
