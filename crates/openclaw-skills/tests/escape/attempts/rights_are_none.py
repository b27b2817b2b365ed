# attempt: find a capability, a way to get one, or no filter on this process
# expect: contained
from attempt import attempt

WANTED = {"CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16, "CapBnd": "0" * 16, "CapAmb": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}


def status():
    """What the kernel says of us."""
    with open("/proc/self/status") as lines:
        said = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    wrong = [f"{name} is {said.get(name)}" for name, value in WANTED.items() if said.get(name) != value]
    return wrong


attempt(status)
