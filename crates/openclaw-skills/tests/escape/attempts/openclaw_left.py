# attempt: find what init left behind: the host's root, the plan, a proxy socket nobody granted
# expect: contained
import os

from attempt import attempt, names, read


def more_than_the_program():
    """Beside init's program stand its libraries, where the root has others."""
    known = {"program", "left"}
    return [name for name in os.listdir("/.openclaw") if name not in known and ".so" not in name]


attempt(
    lambda: names("/.openclaw/left"),
    lambda: os.path.exists("/.openclaw/left/etc"),
    lambda: read("/work/.plan"),
    lambda: names("/old"),
    lambda: names("/new"),
    more_than_the_program,
    lambda: names("/work"),
    lambda: names("/tmp"),
)
