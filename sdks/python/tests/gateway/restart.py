"""A stream over a restart of the gateway."""

import os

from proxy import Proxy

from openclaw import OpenClawClient, RetryPolicy

patient = RetryPolicy(max_retries=100, first_delay=0.05, max_delay=0.5)
with OpenClawClient(Proxy().url, os.environ["GATEWAY_AUTH_TOKEN"], retry=patient) as client:
    stream = client.message_stream("hold on")
    for chunk in stream:
        if chunk.content == "never":
            print("begun", flush=True)
    print(stream.text)
