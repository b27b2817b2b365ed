# attempt: take memory without end from a shell: a text that is doubled again and again
# expect: ended:memory or error
text=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
while :; do text=$text$text; done
