# attempt: let a child hold standard output while the main process never ends
# expect: ended:time
import os
import time

if os.fork() == 0:
    os.setsid()
time.sleep(120)
