"""How many cores there are for us."""

import os


def usable_cores() -> int:
    """Cores that this process may use, at least 1: those that a batch system or a container leaves it.

    `os.cpu_count()` counts all of the machine's, of which a job may have few.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux alone has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
