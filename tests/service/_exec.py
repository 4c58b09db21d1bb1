"""Becomes a program as a service manager starts it: descriptors from 3 on, and LISTEN_PID.

    _exec.py FD,FD,… PROGRAM ARGUMENT…
"""

import os
import sys


def main():
    numbers = [int(text) for text in sys.argv[1].split(",") if text]
    for place, number in enumerate(numbers, 3): # they are all beyond the places
        os.dup2(number, place, inheritable=True)
        os.set_inheritable(number, False)
    if numbers:
        os.environ["LISTEN_PID"] = str(os.getpid())
    if "WATCHDOG_USEC" in os.environ:
        os.environ["WATCHDOG_PID"] = str(os.getpid())
    os.execv(sys.argv[2], sys.argv[2:])


main()
