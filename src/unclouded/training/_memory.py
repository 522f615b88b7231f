"""Freed memory stays with the process while a network is trained."""

import ctypes

# names and numbers of mallopt(3), glibc
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEPT, _STEP, _LARGEST = 512 << 20, 64 << 20, 32 << 20


def keep_freed_memory() -> bool:
    """Have the C library keep what is freed, up to half a gigabyte; whether it can be told so.

    Each step frees and takes the same tens of megabytes. Given back to the system in between, every page is
    taken anew and zeroed: a sixth of a step of patchcnn (benchmarks/training.py). It is a setting of the
    whole process; other C libraries than glibc are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (
        AttributeError,
        OSError,
        TypeError,
    ):  # musl and macOS have no such function, Windows no such library
        return False
    settings = {_M_MMAP_THRESHOLD: _LARGEST, _M_TRIM_THRESHOLD: _KEPT, _M_TOP_PAD: _STEP}
    taken = [mallopt(name, value) for name, value in settings.items()]
    return taken == [1, 1, 1]
