# attempt: reach hosts through the proxy that were not declared
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, get, host, passes, works

name = host["allowed_url"].split("//")[1].strip("/").split(":")[0]
OTHERS = ["example.com", f"sub.{name}", f"{name}.example.com", f"not{name}", name.split(".", 1)[-1], f"{name}%00.example.com", f"example.com?{name}", f"{name},example.com"]
attempt(
    *[passes(get(f"http://{other}/")) for other in OTHERS],
    *[passes(connect(f"{other}:443")) for other in OTHERS],
    *[passes(connect(f"{other}:80")) for other in OTHERS],
    works,
)
