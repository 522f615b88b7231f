"""The command line as a user meets it: a process of its own, its streams and its exit code."""

import subprocess
import sys

PATCHWISE = ("--model", "patchcnn-v1")
"""Options of `mask` for tests that are about the run: the study's network, quick on a few pixels."""


def unclouded(*words: object, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
    """Run `unclouded` with these words; what it wrote and how it ended.

    Args:
        timeout: seconds after which `subprocess.TimeoutExpired` is raised.
    """
    return subprocess.run(  # noqa: S603 - words of a test
        [sys.executable, "-m", "unclouded", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
