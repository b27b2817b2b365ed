# attempt: open files without end
# expect: contained
import os

from attempt import attempt

MOST = 5000


def many():
    """The same file, again and again."""
    held = []
    try:
        while len(held) < MOST:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    finally:
        for descriptor in held:
            os.close(descriptor)
    return len(held) >= MOST and f"{len(held)} files are open"


attempt(many)
