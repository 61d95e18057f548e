"""Become a program that ends with the process that started it, and that is not root.

`python launch.py DISGUISE PARENT PROGRAM ARGUMENT...` runs PostgreSQL, which refuses root. DISGUISE says as whom:
`none` changes nothing, `namespace` hides root in a user namespace (files stay root's), `nobody` gives up root.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534  # initdb looks its user up: nobody is the one that every system names
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1


def end_with_parent(number: signal.Signals, parent: int) -> None:
    """Have the kernel send signal `number` when the parent's thread that started this process ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            sys.exit("the parent has ended already")


def _enter_namespace() -> None:
    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None).unshare(CLONE_NEWUSER) != 0:
        sys.exit("user namespaces are refused here")
    for file, line in (("setgroups", "deny"), ("gid_map", f"{NOBODY} {gid} 1"), ("uid_map", f"{NOBODY} {uid} 1")):
        Path("/proc/self", file).write_text(line)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(disguise: str, parent: str, *program: str) -> None:
    if disguise == "namespace":
        _enter_namespace()
    elif disguise == "nobody":
        _become_nobody()
    # after the disguise: a change of user clears it
    end_with_parent(signal.SIGINT, int(parent))
    os.execv(program[0], program)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
