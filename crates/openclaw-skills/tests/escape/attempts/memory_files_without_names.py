# attempt: take memory by memfd_create and by shared memory of System V
# expect: contained
from attempt import MEMORY, attempt, refuses

attempt(refuses("memfd_create", b"bomb", 0), refuses("memfd_create", b"bomb", 4), refuses("shmget", 0, MEMORY * 4, 0o1600), refuses("memfd_secret", 0))
