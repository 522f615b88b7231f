import click
from click.testing import CliRunner

from unclouded.cli._groups import REST, GroupedCommand
from unclouded.cli.mask import command


@click.command(cls=GroupedCommand, groups={"Second": ("b",), "First": ("a", "gone")})
@click.argument("what", required=False)
@click.option("--a", help="one")
@click.option("--b", help="two")
@click.option("--c", help="three")
def some(what, a, b, c):
    """Do it."""
    click.echo(f"{what} {a} {b} {c}")


def test_options_stand_under_their_headings_in_order():
    text = CliRunner().invoke(some, ["--help"]).output
    places = [text.index(word) for word in ("Second:", "--b", "First:", "--a", f"{REST}:", "--c", "--help")]
    assert places == sorted(places)
    assert text.count("--a") == 1
    assert text.count("WHAT") == 1  # in the line of usage, not among the options


def test_options_work_as_ever():
    assert CliRunner().invoke(some, ["--a", "1", "--c", "3"]).output == "None 1 None 3\n"


def test_every_option_of_mask_has_a_group():
    grouped = [name for names in command.groups.values() for name in names]
    options = [param.name for param in command.params if isinstance(param, click.Option)]
    assert sorted(grouped) == sorted(options)
