"""Writes everything that was said and remembered to a file, one JSON object a line: python backup.py [FILE]

``gateway memory import FILE`` takes it in, and so does ``client.import_memory``.
"""

import os
import sys

from openclaw import OpenClawClient, to_json_line


def main(path: str) -> None:
    with OpenClawClient("http://127.0.0.1:18789", os.environ["GATEWAY_AUTH_TOKEN"]) as client:
        client.remember("fact", "Backups are made with backup.py")
        with open(path, "w", encoding="utf-8") as file:
            count = 0
            for item in client.iter_export():
                file.write(to_json_line(item))
                count += 1
        print(f"{count} items in {path}")


main(sys.argv[1] if len(sys.argv) > 1 else "memory.jsonl")
