"""Runs a skill the way the gateway does: its entry point in its folder, JSON in, JSON out."""

import json
import os
import re
import subprocess
import sys
from importlib import util
from pathlib import Path

# The skills' folders hold what is shipped, nothing else.
sys.dont_write_bytecode = True
# Tests talk to loopback, past whatever proxy this machine has.
for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[variable]

SKILLS = Path(__file__).resolve().parent.parent
NAMES = ("calc", "files", "shell", "time", "weather", "web-fetch")


class Failed(Exception):
    """The skill's refusal, as the model would see it."""


def entry_point(name):
    text = (SKILLS / name / "SKILL.md").read_text(encoding="utf-8")
    line = re.search(r"^entrypoint: \[(.+)\]$", text, re.M)
    return [part.strip() for part in line[1].split(",")]


def run(name, arguments, env=None, given=None):
    """The skill's answer. Raises `Failed` with what it says in `error`."""
    # As little as the sandbox has; above all no locale.
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **(env or {})}
    given = json.dumps(arguments).encode() if given is None else given
    done = subprocess.run(entry_point(name), input=given, capture_output=True, cwd=SKILLS / name, env=environment, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stderr.decode()}")
    answer = json.loads(done.stdout)
    if not isinstance(answer, dict):
        raise AssertionError(f"{name} answered {answer!r}, which is no object")
    if "error" in answer:
        raise Failed(answer["error"])
    return answer


def module(name):
    """The skill's `main.py` as a module, for tests that stand in for the world around it."""
    folder = SKILLS / name
    # It loads its other files when it is called.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    spec = util.spec_from_file_location(f"skill_{name.replace('-', '_')}", folder / "main.py")
    loaded = util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
