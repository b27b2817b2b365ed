# attempt: make init so unimportant that it never gets to look at the bounds
# expect: contained
import os

from attempt import attempt

before = os.getpriority(os.PRIO_PROCESS, 1)


def lower(which, who):
    """What counts is init's priority afterwards."""
    try:
        os.setpriority(which, who, 19)
    finally:
        now = os.getpriority(os.PRIO_PROCESS, 1)
        if now != before:
            return f"init's nice value is {now}"


attempt(
    lambda: lower(os.PRIO_PROCESS, 1),
    lambda: lower(os.PRIO_PGRP, 0),
    lambda: lower(os.PRIO_PGRP, 1),
    lambda: lower(os.PRIO_USER, 0),
    lambda: lower(os.PRIO_USER, os.getuid()),
)
