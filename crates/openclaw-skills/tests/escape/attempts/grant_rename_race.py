# attempt: swap a folder and a link while another thread opens files through it
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os
import threading
import time

from attempt import attempt, granted, host

folder = granted("write")
name, aside = os.path.join(folder, "swap"), os.path.join(folder, "aside")
over = threading.Event()


def swap():
    """A folder, a link, a folder, and so on."""
    os.makedirs(name, exist_ok=True)
    if not os.path.lexists(aside):
        os.symlink(os.path.dirname(host["token_file"]), aside)
    third = name + "-third"
    while not over.is_set():
        os.rename(name, third)
        os.rename(aside, name)
        os.rename(third, aside)


def race():
    """What is opened must never be the token."""
    thread = threading.Thread(target=swap)
    thread.start()
    path, end = os.path.join(name, os.path.basename(host["token_file"])), time.monotonic() + 1
    try:
        while time.monotonic() < end:
            try:
                with open(path) as file:
                    return file.read(100)
            except OSError:
                pass
    finally:
        over.set()
        thread.join()


attempt(race)
