# attempt: start programs from a shell script without the permission `shell`
# expect: contained
escaped=false
detail=
for program in /bin/ls /usr/bin/id /usr/bin/env /bin/cat /usr/bin/python3 /bin/busybox; do
    if "$program" --version > /dev/null 2>&1; then
        escaped=true
        detail="$detail$program ran; "
    else
        detail="$detail$program did not; "
    fi
done
if (exec /bin/ls) > /dev/null 2>&1; then
    escaped=true
fi
printf '{"escaped": %s, "detail": "%s"}\n' "$escaped" "$detail"
