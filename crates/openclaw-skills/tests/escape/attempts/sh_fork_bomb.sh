# attempt: the classic: a function that calls itself twice
# expect: contained or ended:processes or ended:time or error
bomb() { bomb | bomb & }
bomb 2> /dev/null
end=0
while [ "$end" -lt 300000 ]; do end=$((end + 1)); done
echo '{"escaped": false, "detail": "still here"}'
