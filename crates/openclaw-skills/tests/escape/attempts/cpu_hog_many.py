# attempt: compute for ever in as many processes as there may be, deaf to signals
# expect: ended:time
import os
import signal

for number in range(1, 65):
    if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
        signal.signal(number, signal.SIG_IGN)
try:
    for _ in range(16):
        if os.fork() == 0:
            break
except OSError:
    pass
while True:
    pass
