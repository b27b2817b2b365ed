# attempt: reach private addresses with the grant of all hosts
# grants: network:*
# expect: contained
from attempt import attempt, connect, get, host, passes

port = host["host_port"]
NAMES = [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"[::ffff:127.0.0.1]:{port}", f"0.0.0.0:{port}", "10.0.0.1:80", "169.254.169.254:80", "[fd00:ec2::254]:80", "metadata.google.internal:80"]
attempt(
    passes(get(host["private_url"])),
    *[passes(connect(name)) for name in NAMES],
    *[passes(get(f"http://{name}/")) for name in NAMES],
)
