# attempt: reach the host's loopback through the proxy by every spelling of its address
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, get, host, passes, works

port = host["host_port"]
SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "017700000001", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.", "127.000.000.001",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "[fe80::1%25lo]",
    "localhost", "LOCALHOST", "localhost.", "foo.localhost", "localhost.localdomain", "ip6-localhost", "sandbox", "host.containers.internal",
    "①②⑦.⓪.⓪.①".encode().decode("latin-1"), "127。0。0。1".encode().decode("latin-1"),
]
attempt(*[passes(connect(f"{one}:{port}")) for one in SPELLINGS], *[passes(get(f"http://{one}:{port}/")) for one in SPELLINGS], works)
