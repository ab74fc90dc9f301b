"""Becomes the server program, after arranging that it dies with its parent.

Runs as a script of its own, without the virtual environment: `launcher.py PARENT PIPE signal|watcher PROGRAM ARGS...`.
Between fork and exec nothing of this may run in the parent's memory (other threads hold locks there), so it runs here.

- `signal` (Linux): the kernel sends SIGTERM when the thread that started us ends, and exec keeps that order.
- `watcher` (macOS, and where the kernel refuses): a child stays behind and reads PIPE, whose other end only the parent
  holds; when that reports its end, the child ends the server.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _signal_on_death() -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _leave_watcher(pipe: int) -> None:
    server = os.getpid()
    if os.fork() != 0:
        return
    os.dup2(pipe, 0)
    os.closerange(3, 1024)  # the lock that says "a server lives" above all
    os.read(0, 1)
    if os.getppid() == server:  # otherwise it has ended before, and its number may be somebody else's by now
        os.kill(server, signal.SIGTERM)
    os._exit(0)


def main() -> None:
    parent, pipe, how, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    if how == "watcher" or not _signal_on_death():
        _leave_watcher(pipe)
    elif os.getppid() != parent:  # it ended before the order was placed
        sys.exit(1)
    os.close(pipe)
    os.execv(program, sys.argv[4:])  # noqa: S606 - the program of the wheel, no shell wanted


if __name__ == "__main__":
    main()
