# attempt: read keys of the user or the session, and make some
# expect: contained
from attempt import attempt, read, refuses

attempt(
    refuses("add_key", b"user", b"openclaw", b"x", 1, -3),
    refuses("request_key", b"user", b"openclaw", 0, -3),
    refuses("keyctl", 0, -4, 0),
    refuses("keyctl", 11, -4, 0, 0),
    refuses("keyctl", 1, b"openclaw"),
    lambda: read("/proc/keys"),
)
