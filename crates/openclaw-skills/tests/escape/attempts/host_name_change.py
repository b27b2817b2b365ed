# attempt: change the host name and the domain name
# expect: contained
import socket

from attempt import attempt, refuses

attempt(
    refuses("sethostname", b"sandbox", 7),
    refuses("setdomainname", b"sandbox", 7),
    lambda: socket.sethostname("elsewhere") or "the host name was changed",
)
