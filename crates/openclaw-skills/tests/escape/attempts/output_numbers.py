# attempt: answer with numbers that parsers stumble over
# expect: data
import os

os.write(1, b'{"a": 1e999999, "b": -0, "c": 123456789012345678901234567890, "d": NaN, "a": 2, "\\ud800": 1}')
