# attempt: close standard input at once, and answer later
# expect: contained
import os
import time

os.close(0)
time.sleep(0.3)
os.write(1, b'{"escaped": false, "detail": "standard input was closed"}\n')
