"""What the verbs share to talk to people: progress on stderr, tables on stdout."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


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


def warn(line: str) -> None:
    """A line on stderr that begins with `warning:`."""
    click.echo(f"warning: {line}", err=True)


def percent(share: float) -> str:
    """0.1234 as `12.3 %`."""
    return f"{100 * share:.1f} %"
