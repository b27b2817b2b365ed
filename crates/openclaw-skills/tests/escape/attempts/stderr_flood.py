# attempt: complain without end
# expect: error
import os

block = b"escape " * 9362
while True:
    os.write(2, block)
