"""The command line: one file a verb. The only room that prints, catches errors and reads the environment."""

import logging
import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from unclouded._version import __version__
from unclouded.core.errors import UncloudedError
from unclouded.core.registry import names

INTERRUPTED = 130
DEFECT = 1


class VerbGroup(click.Group):
    """A group whose commands are the modules of this folder, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every verb, sorted."""
        return list(names(__name__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a verb, or None where there is no such verb."""
        if cmd_name not in names(__name__):
            return None
        found: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return found


@click.group(
    cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="unclouded")
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
def app(verbose: int) -> None:
    """Cloud, thin-cloud and shadow masks from the Sentinel-2 product you have.

    \b
    Start here:
      unclouded demo                         a synthetic product, masked and scored
      unclouded mask PRODUCT.SAFE -o masks   a mask of your product
      unclouded VERB --help                  what a verb does, with examples

    \b
    Exit codes: 0 done, 1 a defect of ours, 2 usage, 3 bad input, 4 some scenes failed and the
    rest are done, 5 a service or credentials failed, 130 interrupted.
    """  # noqa: D301 - \b is click's mark for text that must not be re-wrapped
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    try:
        code = app.main(prog_name="unclouded", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        _leave("interrupted", INTERRUPTED)
    except click.ClickException as err:
        err.show()
        sys.exit(err.exit_code)
    except UncloudedError as err:
        _leave(f"error: {err}", err.exit_code)
    except KeyboardInterrupt:
        _leave("interrupted", INTERRUPTED)
    except BrokenPipeError:  # `unclouded … | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DEFECT)
    except Exception as err:  # noqa: BLE001 - the last door: a defect is named, its traceback kept
        log = _log_traceback()
        _leave(
            f"a defect in unclouded {__version__}: {type(err).__name__}: {err}; report it with {log}", DEFECT
        )


def _leave(line: str, code: int) -> NoReturn:
    click.echo(f"unclouded: {' '.join(line.split())}", err=True)
    sys.exit(code)


def _log_traceback() -> Path:
    """Write the traceback where the user can find it, and say where."""
    handle, name = tempfile.mkstemp(prefix="unclouded-", suffix=".log", text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exc(file=file)
    return Path(name)
