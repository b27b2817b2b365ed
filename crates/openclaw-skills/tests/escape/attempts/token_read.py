# attempt: read the gateway's token and everything beside it
# expect: contained
import os

from attempt import attempt, host, names, read

token = host["token_file"]
beside = os.path.dirname(token)
attempt(
    lambda: read(token),
    lambda: names(beside),
    lambda: read(os.path.join(beside, "skills.lock")),
    lambda: names(os.path.join(beside, "memory")),
    lambda: names(os.path.join(beside, "conversations")),
)
