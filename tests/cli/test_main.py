"""The frame of the command line: what every verb inherits."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from unclouded import __version__, cli
from unclouded.core import errors, registry


def run(*arguments, **options):
    """`unclouded …` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "unclouded", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.fixture
def main(monkeypatch, capsys, tmp_path):
    """`main(error)`: exit code, stdout and stderr of a verb that raises it."""
    monkeypatch.setattr(cli.tempfile, "tempdir", str(tmp_path))

    def call(error):
        @click.command("boom")
        def boom():
            if error is not None:
                raise error

        monkeypatch.setattr(cli.VerbGroup, "get_command", lambda *_: boom)
        monkeypatch.setattr(sys, "argv", ["unclouded", "boom"])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, *capsys.readouterr()

    return call


def test_a_verb_that_returns_is_done(main):
    assert main(None) == (0, "", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.OptionError, 2),
        (errors.GridError, 3),
        (errors.OutputError, 3),
        (errors.ScenesFailedError, 4),
        (errors.ServiceError, 5),
    ],
)
def test_an_error_is_one_line_on_stderr_and_its_exit_code(main, error, code):
    assert main(error("mask.tif: expected\n a, found\tb; do c")) == (
        code,
        "",
        "unclouded: error: mask.tif: expected a, found b; do c\n",
    )


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.exceptions.Abort()])
def test_an_interrupt_is_130(main, interrupt):
    code, out, err = main(interrupt)
    # click ends the line that the terminal began with ^C
    assert (code, out, err.lstrip("\n")) == (130, "", "unclouded: interrupted\n")


def test_a_defect_is_one_line_and_its_traceback_is_kept(main, tmp_path):
    code, out, err = main(ZeroDivisionError("of our\nmaking"))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"a defect in unclouded {__version__}: ZeroDivisionError: of our making; report it with" in err
    log = Path(re.search(r"report it with (\S+)", err)[1])
    assert log.parent == tmp_path
    assert "Traceback" in log.read_text()
    assert "of our\nmaking" in log.read_text()


def test_an_error_of_python_itself_is_a_defect_too(main):
    code, _, err = main(FileNotFoundError(2, "No such file or directory", "gone"))
    assert code == 1
    assert "a defect in unclouded" in err


def test_usage_errors_of_click_are_2_and_name_the_option(main):
    code, out, err = main(click.BadParameter("expected a number", param_hint="--gsd"))
    assert (code, out) == (2, "")
    assert "--gsd: expected a number" in err


def test_a_reader_that_has_seen_enough_is_no_defect():
    command = f"{sys.executable} -m unclouded --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Usage: unclouded")
    assert done.stderr == ""


def test_help_starts_someone_off_and_lists_every_verb():
    done = run("-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Start here:" in done.stdout
    assert "Exit codes: 0 done" in done.stdout
    for verb in registry.names("unclouded.cli"):
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE), verb


def test_no_verb_at_all_shows_the_help():
    done = run()
    assert "Usage: unclouded" in done.stdout + done.stderr
    assert done.returncode == 2


def test_an_unknown_verb_is_usage():
    done = run("maks")
    assert done.returncode == 2
    assert "No such command 'maks'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_the_packages():
    assert run("--version").stdout == f"unclouded, version {__version__}\n"


@pytest.mark.parametrize("verb", registry.names("unclouded.cli"))
def test_every_verb_explains_itself(verb):
    done = run(verb, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(rf"Usage: unclouded {verb} ", done.stdout)
    assert re.search(rf"^ *(\$ )?unclouded {verb}\b.*", done.stdout, re.MULTILINE), "an example is missing"


def test_help_is_quick_because_no_verb_is_imported_before_it_is_asked_for():
    code = (
        "import sys; from unclouded.cli import app\n"
        "app.main(['evaluate', '-h'], standalone_mode=False)\n"
        "heavy = {'torch', 'onnxruntime', 'rasterio', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_ends_a_running_verb_with_130_and_one_line():
    code = (
        "import sys, time, click; from unclouded import cli\n"
        "@click.command('wait')\n"
        "def wait():\n"
        "    click.echo('started'); sys.stdout.flush(); time.sleep(60)\n"
        "cli.VerbGroup.get_command = lambda *_: wait\n"
        "sys.argv = ['unclouded', 'wait']\n"
        "cli.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        started = time.monotonic()
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, "unclouded: interrupted")
    assert time.monotonic() - started < 30
