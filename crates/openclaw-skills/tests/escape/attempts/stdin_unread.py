# attempt: never read the arguments, and answer
# expect: contained
print('{"escaped": false, "detail": "the arguments were not read"}')
