# attempt: watch the kernel and other processes by performance counters
# expect: contained
import ctypes

from attempt import attempt, host, refuses

attributes = ctypes.create_string_buffer(128)
attributes[4] = 128
attempt(*[refuses("perf_event_open", attributes, pid, cpu, -1, 0) for pid, cpu in ((0, -1), (-1, 0), (1, -1), (host["host_pid"], -1))])
