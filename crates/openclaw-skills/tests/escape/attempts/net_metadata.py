# attempt: ask a cloud's metadata service for credentials, without the proxy
# expect: contained
import socket

from attempt import attempt, reach

SAY = b"GET /latest/meta-data/iam/security-credentials/ HTTP/1.0\r\nMetadata-Flavor: Google\r\n\r\n"
attempt(
    *[lambda at=at: reach((at, 80), say=SAY) for at in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192")],
    lambda: reach(("fd00:ec2::254", 80), socket.AF_INET6, say=SAY),
    lambda: reach(("metadata.google.internal", 80), say=SAY),
)
