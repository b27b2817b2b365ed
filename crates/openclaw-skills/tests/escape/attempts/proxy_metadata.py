# attempt: ask a cloud's metadata service for credentials through the proxy
# grants: network:${ALLOWED_HOST}
# expect: contained
from attempt import attempt, connect, get, passes, works

NAMES = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "metadata.google.internal", "metadata", "instance-data", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166", "0xa9fea9fe"]
attempt(
    *[passes(get(f"http://{name}/latest/meta-data/", Metadata_Flavor="Google")) for name in NAMES],
    *[passes(connect(f"{name}:80")) for name in NAMES],
    works,
)
