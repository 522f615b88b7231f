"""What the verbs share to talk to people: progress on stderr, tables on stdout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

if TYPE_CHECKING:
    from unclouded.catalog import Tick


@contextmanager
def scene_progress(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar a scene on stderr; silent with `quiet` or where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bars:

        def tell(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=1.0)
            bars.update(tasks[name], completed=share)

        yield tell


@contextmanager
def transfer_progress(*, quiet: bool) -> Iterator[Callable[["Tick"], None]]:
    """A bar a product and one for all of them, on stderr; silent with `quiet` or without a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    ticks: dict[str, Tick] = {}
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bars:

        def tell(tick: "Tick") -> None:
            ticks[tick.product] = tick
            for name, received, size in (("all", *_sums(ticks)), (tick.product, tick.received, tick.size)):
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=size)
                bars.update(tasks[name], completed=received, total=size)
            bars.update(tasks[tick.product], visible=not tick.done)

        yield tell


def _sums(ticks: "dict[str, Tick]") -> tuple[int, int | None]:
    """Bytes received and expected of all products begun."""
    sizes = [tick.size for tick in ticks.values()]
    size = None if None in sizes else sum(size or 0 for size in sizes)
    return sum(tick.received for tick in ticks.values()), size


def warn(line: str) -> None:
    """A line on stderr that begins with `warning:`."""
    click.echo(f"warning: {line}", err=True)


def percent(share: float) -> str:
    """0.1234 as `12.3 %`."""
    return f"{100 * share:.1f} %"


def output_folder(help_text: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option `-o DIR` that every verb with results has; it arrives as `folder`."""
    return click.option(
        "-o",
        "--output",
        "folder",
        required=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help=help_text,
    )


@contextmanager
def count_progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar of so many of so many on stderr, where that is a terminal; it goes when the work is done."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
