# attempt: read the gateway's token with nothing but what the shell has built in
# expect: contained
read -r input
token=${input#*\"token_file\":*\"}
token=${token%%\"*}
if read -r line < "$token"; then
    printf '{"escaped": true, "detail": "%s"}\n' "$line"
elif (. "$token") 2> /dev/null; then
    echo '{"escaped": true, "detail": "it can be run"}'
else
    echo '{"escaped": false, "detail": "it can not be opened"}'
fi
