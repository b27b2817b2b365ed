# attempt: connect to Unix sockets of the host by path: a harness's, and those of well-known services
# expect: contained
import os
import socket

from attempt import attempt, host, reach

WELL_KNOWN = [
    "/run/dbus/system_bus_socket", "/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/systemd/private",
    "/run/systemd/notify", "/run/systemd/journal/socket", "/dev/log", "/run/containerd/containerd.sock", "/tmp/.X11-unix/X0",
    "/run/nscd/socket", "/var/run/nscd/socket", "/run/udev/control", "/run/snapd.socket", "/run/avahi-daemon/socket",
]
WELL_KNOWN += [f"/run/user/{host.get('uid', 1000)}/{name}" for name in ("bus", "systemd/private", "podman/podman.sock", "gnupg/S.gpg-agent", "wayland-0", "pulse/native")]
path = host["unix_socket"]
attempt(
    *[
        lambda at=at, kind=kind: reach(at, socket.AF_UNIX, kind)
        for at in [path, "/proc/1/root" + path, *WELL_KNOWN]
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    ],
    lambda: reach(os.environ["DBUS_SESSION_BUS_ADDRESS"].split("=", 1)[1], socket.AF_UNIX),
    lambda: reach(os.environ["SSH_AUTH_SOCK"], socket.AF_UNIX),
)
