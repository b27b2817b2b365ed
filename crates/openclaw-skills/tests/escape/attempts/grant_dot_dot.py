# attempt: leave a granted folder by `..`: to its siblings and its parents
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os

from attempt import attempt, granted, host, names, read

folder = granted("read")


def siblings(at):
    """On the way to the folder there is nothing but the way."""
    found = os.listdir(at)
    return len(found) > 1 and not at == "/" and f"{at}: {found}"


def climb():
    """By a descriptor of the folder."""
    at = os.open(folder, os.O_RDONLY)
    up = os.open("..", os.O_RDONLY, dir_fd=at)
    return len(os.listdir(up)) > 1 and os.listdir(up)


parents, at = [], os.path.dirname(folder)
while at not in ("/", "/usr", "/tmp", "/work"):
    parents.append(at)
    at = os.path.dirname(at)
attempt(
    *[lambda at=at: siblings(at) for at in parents],
    climb,
    lambda: read(os.path.join(folder, "../" * 20 + host["token_file"])),
    lambda: names(os.path.join(folder, "../" * 20 + host["home"])),
    lambda: read(os.path.join(folder, os.path.relpath(host["token_file"], folder))),
)
