# attempt: read what a host keeps in /etc, /var, /run, /boot and the like
# expect: contained
from attempt import attempt, names, read

FILES = [
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/machine-id", "/etc/fstab", "/etc/crontab", "/etc/environment",
    "/etc/ssh/sshd_config", "/etc/ssh/ssh_host_ed25519_key", "/etc/krb5.keytab", "/var/lib/dbus/machine-id",
    "/run/secrets/token", "/var/run/secrets/kubernetes.io/serviceaccount/token", "/boot/grub/grub.cfg", "/.dockerenv",
    "/run/.containerenv", "/proc/1/environ",
]
FOLDERS = ["/etc/ssl/private", "/etc/ssh", "/var/lib", "/var/log", "/var/tmp", "/run", "/boot", "/srv", "/opt", "/mnt", "/media", "/lost+found"]
attempt(*[lambda path=path: read(path) for path in FILES], *[lambda path=path: names(path) for path in FOLDERS])
