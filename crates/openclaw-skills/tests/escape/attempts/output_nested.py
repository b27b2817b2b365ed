# attempt: answer with JSON that is nested deeper than a parser's stack
# expect: data
import os

os.write(1, b'{"a":' * 60_000 + b"1" + b"}" * 60_000)
