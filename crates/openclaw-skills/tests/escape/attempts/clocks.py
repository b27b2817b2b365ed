# attempt: change the machine's clock
# expect: contained
import ctypes
import time

from attempt import attempt, refuses

# Were it allowed, the time would be what it is.
now = (ctypes.c_long * 2)(int(time.time()), 0)
attempt(
    refuses("clock_settime", 0, now),
    refuses("settimeofday", now, 0),
    refuses("adjtimex", 0),
    refuses("clock_adjtime", 0, 0),
    lambda: open("/dev/rtc0"),
)
