"""Run a command, and print its peak memory in MB and its CPU time in seconds, on a line after what it printed."""

import resource
import subprocess
import sys

subprocess.run(sys.argv[1:], check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{usage.ru_maxrss / 1024:.0f} {usage.ru_utime + usage.ru_stime:.1f}")
