# attempt: start threads without end
# expect: contained or ended:processes
import threading
import time

from attempt import PROCESSES, answer, outlive

threading.stack_size(32768)
threads = 0
try:
    while threads < PROCESSES * 3:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        threads += 1
except (RuntimeError, MemoryError) as error:
    answer(False, f"after {threads} threads: {error}")
outlive(True, f"{threads} threads run")
