# attempt: answer with nothing but opening brackets
# expect: data
import os

os.write(1, b"[" * 500_000)
