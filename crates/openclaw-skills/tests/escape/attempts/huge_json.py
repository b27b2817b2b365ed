# attempt: answer with one JSON object that is much longer than allowed
# expect: cut
import os
import sys

sys.stdout.write('{"escaped": false, "detail": "')
for _ in range(64):
    sys.stdout.write("x" * 65536)
sys.stdout.write('"}\n')
sys.stdout.flush()
os._exit(0)
