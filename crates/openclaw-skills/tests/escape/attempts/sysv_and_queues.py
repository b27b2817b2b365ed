# attempt: share memory, semaphores and messages with the host, or leave some behind
# expect: contained
from attempt import attempt, refuses

attempt(refuses("shmget", 0, 1 << 30, 0o1600), refuses("semget", 0, 1, 0o1600), refuses("msgget", 0, 0o1600), refuses("mq_open", b"openclaw", 0o102, 0o600, 0))
