# attempt: use methods and versions that a proxy may treat in another way
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, host, passes, works

private = host["private_url"].split("//")[1].strip("/")
METHODS = ["TRACE", "TRACK", "DEBUG", "PURGE", "PROPFIND", "connect", "get", "CONNECT ", "G" * 1000, "GET\x00", "GET\t"]
VERSIONS = ["HTTP/0.9", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "HTTP/1.1 HTTP/1.1", "ICY/1.0", ""]
attempt(
    *[passes(f"{method} http://{private}/ HTTP/1.1\r\nHost: {private}\r\n\r\n") for method in METHODS],
    *[passes(f"GET http://{private}/ {version}\r\nHost: {private}\r\n\r\n") for version in VERSIONS],
    passes(f"CONNECT {private} HTTP/1.0\r\n\r\n"),
    passes(b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01" + host["host_port"].to_bytes(2, "big")),  # SOCKS 5.
    passes(b"\x04\x01" + host["host_port"].to_bytes(2, "big") + b"\x7f\x00\x00\x01x\x00"),  # SOCKS 4.,
    works,
)
