"""Start a program so that it ends with the process that started it, and so that PostgreSQL agrees to run for root.

    python launch.py DISGUISE PARENT PROGRAM ARGUMENT...

PARENT is the process id of the starter. PostgreSQL refuses to run as root, but `make run` often runs as root: in a
container, a development container or CI. DISGUISE says how the program hides that. local/postgres/programs.py tries
them in this order, and takes the first that works.

`none`
    For a user that is not root. Nothing changes.

`namespace`
    For root, tried first. The program enters a user namespace of its own, in which the id of root has the number of
    the user nobody. PostgreSQL sees that number and starts. On disk its files still belong to root, and it can read
    root's files: so nothing has to be copied, and no file changes its owner.
    Costs: it protects nothing, since outside of the namespace PostgreSQL is root still. It exists only on Linux, and
    only where the kernel permits user namespaces: Docker's default profile does not.

`nobody`
    For root, where there are no user namespaces. The program gives up root and becomes the user nobody, for good.
    Costs: the files of the database must belong to that user, so any other process of that user can read them. The
    folder above them must let that user pass through. PostgreSQL's programs must be readable for that user: where they
    are not, as below /root, programs.py copies all of PostgreSQL (40 MB) beside the database, once.

A disguise changes the process that puts it on, and the runner has to keep its own user: so this is a program of its
own. Linux also lets no process with several threads enter a user namespace. Python's `preexec_fn` would run in the
right process, but is not safe beside threads, which the runner has. The price is the start of a bare interpreter, about
30 ms.

On Linux the kernel then ends the program with its starter, even if that is killed with `kill -9`. Other systems cannot
do this: there a PostgreSQL that is left over is stopped at the next start (local/postgres/embedded.py).
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534  # initdb looks up the name of its user; every system has a name for nobody
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
        sys.exit("the system refuses user namespaces")
    # in this order: the kernel accepts gid_map only after setgroups is denied
    for file, line in (("setgroups", "deny"), ("gid_map", f"{NOBODY} {gid} 1"), ("uid_map", f"{NOBODY} {uid} 1")):
        Path("/proc/self", file).write_text(line)


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(disguise: str, parent: str, *program: str) -> None:
    """Put on the disguise, and replace this program by the other one."""
    if disguise == "namespace":
        _enter_namespace()
    elif disguise == "nobody":
        _become_nobody()
    # after the disguise: a change of user clears it
    end_with_parent(signal.SIGINT, int(parent))
    os.execv(program[0], program)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
