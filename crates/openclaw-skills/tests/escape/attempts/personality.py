# attempt: switch off the random placement of memory, or take another kernel's habits
# expect: contained
from attempt import attempt, call

ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, UNAME26 = 0x0040000, 0x0400000, 0x0020000


def become(persona):
    """It stays what it was."""
    call("personality", persona)
    return f"the personality is {persona:#x}"


attempt(*[lambda one=one: become(one) for one in (ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, UNAME26, 0x0100000, 0x8, ADDR_NO_RANDOMIZE | 0xFFFFFFFF << 32)])
