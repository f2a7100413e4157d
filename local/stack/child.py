"""Become another program that ends when the process that started it ends, however that one dies.

Run as a file, not as a module: `python -IS child.py <pid of the parent> <program> <argument>…`.
Linux only (prctl); elsewhere the program simply runs, and the next start cleans up what an untimely death left over.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main() -> None:
    """Ask the kernel for a SIGTERM at the parent's death, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - a list, and no shell


main()
