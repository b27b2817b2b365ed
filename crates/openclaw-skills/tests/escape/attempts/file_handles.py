# attempt: open files of the host by their inode numbers, past all directories
# expect: contained
import ctypes
import os

from attempt import attempt, refuses

handle = (ctypes.c_uint32 * 34)(8, 1, 2, 0)  # The root of an ext4: inode 2, generation 0.
mount = ctypes.c_int()
at = os.open("/skill", os.O_RDONLY)
attempt(refuses("open_by_handle_at", at, handle, 0), refuses("name_to_handle_at", -100, b"/usr", handle, ctypes.byref(mount), 0))
