# attempt: start processes without end
# expect: contained or ended:processes or ended:memory
import os
import time

from attempt import PROCESSES, answer, outlive

children = 0
try:
    while children < PROCESSES * 3:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        children += 1
except OSError as error:
    answer(False, f"after {children} processes: {error}")
outlive(True, f"{children} processes run")
