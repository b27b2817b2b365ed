# attempt: end with the exit code by which init says that time was over
# expect: error
import os

os._exit(242)
