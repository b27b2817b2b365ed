# attempt: leave a granted folder by the links that lie in it
# grants: filesystem:read:${READ_DIR}
# expect: contained
import os

from attempt import attempt, granted, host, names, read

folder = granted("read")
inside = os.path.realpath(folder)


def leads_out(name):
    """What a link in the folder shows."""
    path = os.path.join(folder, name)
    if os.path.isdir(path):
        real = os.path.realpath(path)
        return not real.startswith(inside) and host["home"] in real and names(path)
    return read(path)


links = [name for name in os.listdir(folder) if os.path.islink(os.path.join(folder, name))]
attempt(*[lambda name=name: leads_out(name) for name in links], lambda: "no link was prepared" if not links else None)
