# attempt: end by a signal, as if somebody had ended it
# expect: error
import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
