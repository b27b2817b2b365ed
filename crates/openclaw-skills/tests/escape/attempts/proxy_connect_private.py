# attempt: have the proxy make a tunnel to private networks
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, host, passes, works

ADDRESSES = ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "[fc00::1]", "[fe80::1]", "[ff02::1]", "192.0.0.1", "198.18.0.1"]
private = host["private_url"].split("//")[1].strip("/")
attempt(passes(connect(private)), *[passes(connect(f"{at}:{port}")) for at in ADDRESSES for port in (80, 443)], works)
