# attempt: load another kernel, or code into this one
# expect: contained
from attempt import attempt, refuses

attempt(
    refuses("init_module", 0, 0, b""),
    refuses("finit_module", 0, b"", 0),
    refuses("delete_module", b"nowhere", 0x800),
    refuses("kexec_load", 0, 0, 0, 0),
    refuses("kexec_file_load", 0, 0, 0, 0, 0),
)
