# attempt: make system calls that no filter sees, by io_uring
# expect: contained
import ctypes

from attempt import attempt, refuses

parameters = ctypes.create_string_buffer(120)
attempt(refuses("io_uring_setup", 8, parameters), refuses("io_uring_enter", 0, 1, 0, 0, 0, 0), refuses("io_uring_register", 0, 0, 0, 0), refuses("io_setup", 8, parameters))
