# attempt: connect to a server on the host's loopback, by all addresses that could lead there
# expect: contained
import socket

from attempt import attempt, host, reach

port = host["host_port"]
V4 = ["127.0.0.1", "127.1.2.3", "0.0.0.0", "localhost", "sandbox", "10.0.2.2", "10.0.2.3", "172.17.0.1", "192.168.122.1", "169.254.1.2"]
V6 = ["::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fe80::1%lo"]
NAMES = ["host.containers.internal", "host.docker.internal", "gateway.docker.internal", "ip6-localhost"]
attempt(
    *[lambda name=name: reach((name, port)) for name in V4 + NAMES],
    *[lambda name=name: reach((name, port), socket.AF_INET6) for name in V6],
    lambda: reach(("127.0.0.1", port), kind=socket.SOCK_DGRAM),
)
