# attempt: learn the host's users, hosts and name servers from /etc
# expect: contained
import os

from attempt import attempt, host, read


def users():
    """Three are made up for every sandbox."""
    known = {"root", "sandbox", "nobody"}
    with open("/etc/passwd") as lines:
        return [line for line in lines if line.split(":")[0] not in known]


def name_servers():
    """Containers' resolv.conf counts too: nothing is asked from inside."""
    with open("/etc/resolv.conf") as lines:
        return [line for line in lines if line.startswith("nameserver")]


def hosts():
    """Names and addresses of the machine and its neighbours."""
    with open("/etc/hosts") as lines:
        words = [word for line in lines for word in line.split("#")[0].split()]
    return [word for word in words if word not in ("127.0.0.1", "::1", "localhost", "sandbox")]


def own_home():
    """The home that the user database names."""
    home = os.path.expanduser("~")
    return home == host["home"] and home


attempt(users, name_servers, hosts, own_home, lambda: read("/etc/hostname").strip() != "/etc/hostname: sandbox")
