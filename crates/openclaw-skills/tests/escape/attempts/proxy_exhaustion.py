# attempt: open connections to the proxy without end, saying nothing or little; it has to go on for others
# grants: network:${ALLOWED_HOST}
# expect: contained
import socket

from attempt import attempt, get, host, passes, works


def many():
    """As many as there may be."""
    held = []
    try:
        for number in range(2000):
            talk = socket.create_connection(("127.0.0.1", 3128), timeout=0.5)
            talk.sendall(b"GET http://" if number % 2 else b"G")
            held.append(talk)
    except OSError:
        pass
    if len(held) >= 2000:
        return "there is no bound on connections"
    for talk in held:
        talk.close()


attempt(many, passes(get(host["private_url"])), works)
