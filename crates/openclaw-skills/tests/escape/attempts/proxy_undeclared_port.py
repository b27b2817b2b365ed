# attempt: reach other ports of a declared host through the proxy
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, get, host, passes, works

name = host["allowed_url"].split("//")[1].strip("/").split(":")[0]
PORTS = [str(host["host_port"]), "22", "25", "6379", "0", "-1", "65616", "0x50", "80:22", "22:80", " 22", "", "99999999999999999999"]
attempt(*[passes(connect(f"{name}:{port}")) for port in PORTS], *[passes(get(f"http://{name}:{port}/")) for port in PORTS if port], works)
