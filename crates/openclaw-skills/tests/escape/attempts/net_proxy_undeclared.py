# attempt: use the proxy's port in a sandbox that was granted no network
# expect: contained
import socket

from attempt import attempt, connect, get, host, passes, reach

attempt(
    passes(get(host["allowed_url"])),
    passes(get(host["private_url"])),
    passes(connect("example.com:443")),
    lambda: reach("/.openclaw/egress.sock", socket.AF_UNIX),
)
