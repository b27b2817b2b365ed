# attempt: close standard output and sleep
# expect: ended:time
import os
import time

os.close(1)
os.close(2)
time.sleep(120)
