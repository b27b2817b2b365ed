# attempt: find a folder whose devices are honoured
# grants: filesystem:read:${READ_DIR}, filesystem:write:${WRITE_DIR}
# engines: namespace, podman
# expect: contained
import os

from attempt import attempt, granted

# Docker can't mount like that; there it is the device control group alone that keeps them shut (grant-device).
attempt(
    *[
        lambda folder=granted(name): not os.statvfs(folder).f_flag & os.ST_NODEV and f"devices are honoured in {folder}"
        for name in ("read", "write")
    ],
)
