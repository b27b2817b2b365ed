# attempt: stop instead of ending
# expect: ended:time
import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
