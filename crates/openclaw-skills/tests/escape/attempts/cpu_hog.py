# attempt: compute for ever
# expect: ended:time
while True:
    pass
