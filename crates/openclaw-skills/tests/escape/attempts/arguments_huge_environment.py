# attempt: start ourselves with more arguments and environment than there is room for
# expect: contained
import os
import sys

from attempt import attempt, in_child


def start():
    """The kernel's bound is a quarter of the stack."""
    os.execve(sys.executable, [sys.executable, "-c", "pass"] + ["x" * 100_000] * 200, {"A": "x" * 100_000})
    return "it ran"


attempt(lambda: in_child(start))
