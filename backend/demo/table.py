"""The demo's report as tables in the terminal."""

from rich.console import Console
from rich.table import Table

from backend.demo.report import Approach, DemoReport

__all__ = ["print_report"]


def print_report(report: DemoReport, console: Console) -> None:
    """Every approach, the wrong decisions again, and the sums."""
    stages = list(report.summary.ms_median)
    console.print(_table("At the gate", report.approaches, stages))
    wrong = tuple(a for a in report.approaches if not a.right)
    if wrong:
        console.print(_table("Wrong decisions", wrong, stages))
    summary = report.summary
    console.print(f"people enrolled                    {report.enrolled}, capture policy '{report.capture_policy}'")
    if report.failed_to_enrol:
        console.print(f"could not enrol                    {report.failed_to_enrol}: fewer than three good photographs")
    let_in = summary.members_shown - summary.members_refused
    console.print(f"members let in                     {let_in} of {summary.members_shown}")
    console.print(f"strangers let in                   {summary.strangers_admitted} of {summary.strangers_shown}")
    console.print(f"wrong decisions                    {summary.wrong} of {summary.shown}")
    if report.move_out_to_refusal_s is not None:
        console.print(f"moving out to first refusal        {report.move_out_to_refusal_s:.2f} s")
    if report.certificate is not None:
        console.print(f"certificate of erasure             {report.certificate.first_line}", soft_wrap=True)
        checked = f"doorward verify-certificate {report.certificate.file} --keys {report.certificate.keys}"
        console.print(f"check it yourself                  {checked}", soft_wrap=True, markup=False)
    console.print(report.note)


def _table(title: str, approaches: tuple[Approach, ...], stages: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("who", max_width=26, no_wrap=True)
    table.add_column("role")
    table.add_column("decision")
    table.add_column("why")
    table.add_column("score", justify="right")
    for stage in stages:
        table.add_column(f"{stage} ms", justify="right")
    for approach in approaches:
        verdict = approach.verdict
        style = "green" if verdict.allowed else "yellow"
        table.add_row(
            approach.who.replace("_", " "),
            approach.role,
            f"[{style}]{verdict.outcome}[/]" + ("" if approach.right else " [bold red]WRONG[/]"),
            verdict.reason,
            "" if verdict.score is None else f"{verdict.score:.3f}",
            *(f"{verdict.ms.get(stage, 0.0):.1f}" for stage in stages),
        )
    return table
