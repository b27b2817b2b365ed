# attempt: confuse the proxy about which host an address names: user names, fragments, backslashes, schemes
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, host, passes, works

private = host["private_url"].split("//")[1].strip("/")
allowed = host["allowed_url"].split("//")[1].strip("/")
ADDRESSES = [
    f"http://{allowed}@{private}/", f"http://{allowed}%40{private}/", f"http://{allowed}:80@{private}/", f"http://{private}#{allowed}/",
    f"http://{private}?{allowed}/", f"http://{private}\\@{allowed}/", f"http://{private}\\.{allowed}/", f"http://{private}/{allowed}",
    f"http:/{private}/", f"http:{private}/", f"//{private}/", f"///{private}/", f"http:\\\\{private}/", f"HTTP://{private}/", f"http://{allowed}\t@{private}/",
    f"https://{private}/", f"ftp://{private}/", f"gopher://{private}/_x", f"file://{host['token_file']}", f"file://localhost{host['token_file']}",
    f"unix://{host['unix_socket']}", f"ws://{private}/", f"data:text/plain,x", "*", "", "/",
]
attempt(
    *[passes(f"GET {address} HTTP/1.1\r\nHost: {allowed}\r\nConnection: close\r\n\r\n") for address in ADDRESSES if not address.startswith(("/", "*", "data")) and address],
    passes(f"GET  HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    passes(f"GET / HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    passes(f"OPTIONS * HTTP/1.1\r\nHost: {private}\r\n\r\n"),
    passes(connect(f"{allowed}@{private}")),
    passes(connect(f"{private}#{allowed}")),
    passes(connect(f"{private} {allowed}")),
    passes(connect(f"http://{private}/")),
    passes(f"CONNECT {private} HTTP/1.1\r\nHost: {allowed}:443\r\n\r\n"),
    passes(f"CONNECT {private}\r\n\r\n"),
    works,
)
