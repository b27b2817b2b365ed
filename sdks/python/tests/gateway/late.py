"""An answer that takes longer than one waits."""

import os

from openclaw import AnswerTimeoutError, ClientTimeoutError, OpenClawClient

with OpenClawClient(os.environ["GATEWAY_URL"], os.environ["GATEWAY_AUTH_TOKEN"]) as client:
    try:
        client.message("count", timeout_ms=50)
        raise AssertionError("no time-out")
    except AnswerTimeoutError as error:
        run_id = error.run_id
        assert error.conversation_id and error.details["poll_url"].endswith("/status")
    try:
        client.wait(run_id, timeout=0.1)
        raise AssertionError("no time-out")
    except ClientTimeoutError:
        pass
    assert client.wait(run_id).content == "".join(f"{number} " for number in range(60))
print("ok")
