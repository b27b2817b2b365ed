# attempt: take descriptors out of init and out of the host's process
# expect: contained
from attempt import admitted, attempt, call, host


def take(pid):
    """The first descriptors."""
    pidfd = call("pidfd_open", pid, 0)
    return [admitted("pidfd_getfd", pidfd, descriptor, 0) for descriptor in range(3)]


attempt(lambda: take(1), lambda: take(host["host_pid"]), lambda: admitted("pidfd_getfd", 0, 0, 0))
