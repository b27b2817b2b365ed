# attempt: read the folders of other skills, and other versions of this one
# expect: contained
import os

from attempt import attempt, host, names

skills = os.path.join(os.path.dirname(host["token_file"]), "skills")


def siblings():
    """`..` of a mount's root is the folder it is mounted in, not the one it comes from."""
    found = [name for name in os.listdir("/skill/..") if name in os.listdir("/skill")]
    return found


attempt(
    lambda: names(skills),
    lambda: names("/skill/../../skills"),
    siblings,
    lambda: os.path.exists("/skill/../current"),
    lambda: os.path.exists("/skill/../skills.lock"),
)
