# attempt: start a program from a folder that may be written
# grants: filesystem:write:${WRITE_DIR}
# expect: contained
import os
import shutil
import subprocess

from attempt import attempt, granted

folder = granted("write")


def run(name, text=None):
    """A program or a script there."""
    path = os.path.join(folder, name)
    if text is None:
        shutil.copyfile("/usr/bin/env", path)
    else:
        with open(path, "w") as file:
            file.write(text)
    os.chmod(path, 0o755)
    done = subprocess.run([path], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False)
    return f"{path} ran: {done.stdout[:60]}"


attempt(lambda: run("program"), lambda: run("script", "#!/bin/sh\necho ran\n"))
