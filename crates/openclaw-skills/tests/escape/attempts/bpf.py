# attempt: load programs and make maps in the kernel
# expect: contained
import ctypes

from attempt import attempt, refuses

attributes = ctypes.create_string_buffer(128)
attempt(*[refuses("bpf", command, attributes, 128) for command in (0, 5, 8, 17, 18, 28)])
