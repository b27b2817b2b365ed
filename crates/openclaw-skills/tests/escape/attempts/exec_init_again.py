# attempt: start init's program once more, with a plan that allows everything
# expect: contained
import json
import subprocess

from attempt import attempt

PLAN = {
    "tree": None, "argv": ["/usr/bin/env"], "env": [["PATH", "/usr/bin"]], "cwd": "/", "grants": [{"path": "/", "writable": True}],
    "bounds": {"memory_bytes": 1 << 40, "processes": 1 << 20, "file_bytes": 1 << 40, "open_files": 1 << 16, "cpu_seconds": 1 << 20, "lifetime_ms": 1 << 30},
    "processor": None, "egress": None, "any_program": True,
}
TREE = {"image": None, "binds": [{"source": "/", "target": "/work", "writable": True}], "start": ["/.openclaw/program"]}


def start(stage, plan):
    """A stage that has to fail at its first step."""
    text = json.dumps(plan).encode()
    done = subprocess.run(["/.openclaw/program", "__sandbox", stage], input=b"%08x" % len(text) + text, capture_output=True, timeout=5, check=False)
    if done.returncode == 0:
        return f"{stage} succeeded: {done.stdout[:100]}"
    raise PermissionError(done.stderr[:200])


attempt(
    lambda: start("init", PLAN),
    lambda: start("outer", {**PLAN, "tree": TREE}),
    lambda: start("inner", PLAN),
)
