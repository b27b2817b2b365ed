# attempt: complain in init's words
# expect: error
import os

os.write(2, b"sandbox: can't restrict the file system with landlock: Function not implemented\n")
os._exit(1)
