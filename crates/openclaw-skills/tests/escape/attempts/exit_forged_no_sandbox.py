# attempt: end with the exit code by which init says that there is no sandbox
# expect: error
import os

os._exit(243)
