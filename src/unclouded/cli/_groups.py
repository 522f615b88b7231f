"""Help of a verb with many options: in groups, each under what it is about."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

REST = "Other options"
"""Where options go that no group names: `--help`, and what somebody forgot."""


class GroupedCommand(click.Command):
    """A command whose help lists its options under headings, in the order of the groups."""

    def __init__(self, *args: Any, groups: Mapping[str, Sequence[str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.groups = groups
        """Heading -> names of parameters, as the function takes them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        records = {
            param.name: record
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None
        }
        for heading, names in self.groups.items():
            _write(formatter, heading, [records.pop(name) for name in names if name in records])
        _write(formatter, REST, list(records.values()))


def _write(formatter: click.HelpFormatter, heading: str, rows: list[tuple[str, str]]) -> None:
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows)
