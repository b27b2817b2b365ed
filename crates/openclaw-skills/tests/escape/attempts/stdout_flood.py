# attempt: write without end
# expect: cut
import os

block = b"escape " * 9362
while True:
    os.write(1, block)
