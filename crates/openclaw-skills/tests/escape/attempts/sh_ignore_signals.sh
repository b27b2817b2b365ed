# attempt: ignore SIGTERM from a shell, and never end
# expect: ended:time
trap '' TERM INT HUP QUIT USR1 USR2 PIPE ALRM
while :; do :; done
