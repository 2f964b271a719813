"""``python -m bench [--only SECTION …]``: prints a table and writes build/bench.json."""

import argparse
import importlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.measure import Figure, Tell

SECTIONS = ("recognition", "codes", "day", "database", "server", "gates", "erasure", "register_import", "city")
# Takes longer than somebody waits, and more disk than a laptop may have.
APART = ("growth",)


def main() -> int:
    """Run the sections one after the other; the exit code does not depend on the figures."""
    options = argparse.ArgumentParser(prog="bench", description="Measure Doorward beside the bare limits.")
    options.add_argument("--only", nargs="+", choices=(*SECTIONS, *APART), default=SECTIONS)
    options.add_argument("--json", type=Path, default=Path("build/bench.json"))
    chosen = options.parse_args()
    console = Console(width=max(120, Console().width))
    figures: list[Figure] = []
    began = time.monotonic()
    # Seconds and milliseconds mean little on cores that others use; ratios are measured in turns and mean more.
    load = os.getloadavg()[0]
    console.print(f"{os.cpu_count()} cores, load average {load:.1f} before the start")
    for section in chosen.only:
        with console.status(f"measuring {section}") as status:

            def tell(what: str, section: str = section) -> None:
                # Where nobody watches, a line each: a log shows what took how long.
                said = f"{time.monotonic() - began:5.0f} s  {section}: {what}"
                status.update(said) if console.is_terminal else console.print(said, highlight=False)

            figures.extend(_section(section, tell))
        console.print(_table(section, [f for f in figures if f.section == section]))
        # After each section: a later one that fails takes nothing with it.
        _write(chosen.json, figures, load)
    console.print(f"written to {chosen.json} after {time.monotonic() - began:.0f} s")
    return 0


def _write(path: Path, figures: list[Figure], load: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    result = {"machine": machine, "figures": figures}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")


def _section(name: str, tell: Tell) -> Iterator[Figure]:
    figures: Iterator[Figure] = importlib.import_module(f"bench.{name}").run(tell)
    return figures


def _table(section: str, figures: list[Figure]) -> Table:
    table = Table(title=section, title_justify="left")
    for heading in ("what", "value", "beside", "ratio", "bar", ""):
        table.add_column(heading, justify="right" if heading in {"value", "ratio"} else "left")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.value:,.3g} {figure.unit}" + (f" ({figure.detail})" if figure.detail else ""),
            figure.beside,
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.bar,
            "" if figure.met is None else ("[green]met[/]" if figure.met else "[red]missed[/]"),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
