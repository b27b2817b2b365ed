# attempt: end with the exit code by which init says that memory was short
# expect: error
import os

os._exit(240)
