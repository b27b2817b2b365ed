# attempt: read the user's home directory and what lies in it
# expect: contained
import os

from attempt import attempt, host, names, read

home = host["home"]
attempt(
    lambda: names(home),
    lambda: names(os.path.join(home, ".ssh")),
    lambda: read(os.path.join(home, ".ssh", "id_ed25519")),
    lambda: read(os.path.join(home, ".bash_history")),
    lambda: names(os.path.dirname(home)),
    lambda: names("/root"),
    lambda: names("/home"),
)
