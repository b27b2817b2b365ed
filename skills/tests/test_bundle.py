"""What holds for every skill that comes with the gateway: its head, its files, and the cases in its own `tests/`."""

import json
import os
import re
import stat
import tempfile
import unittest

import skill

# What each may ask for, and no more.
PERMISSIONS = {
    "calc": [],
    "files": [],
    "shell": ["shell"],
    "time": [],
    "weather": ["network:api.open-meteo.com", "network:geocoding-api.open-meteo.com"],
    "web-fetch": ["network:*"],
}
VERSIONS = {"weather": "1.2.0"}


def head(name):
    """The front matter's lines and the text behind it."""
    text = (skill.SKILLS / name / "SKILL.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    return front, body


def value(front, key):
    found = re.search(rf"^{key}: (.+)$", front, re.M)
    return found and found[1].strip('"')


def is_part(wanted, found):
    """Whether every key that is wanted is there with that value; further keys are fine."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and is_part(inner, found[key]) for key, inner in wanted.items())
    return type(wanted) is type(found) and wanted == found


class Bundle(unittest.TestCase):
    def test_every_folder_is_known(self):
        folders = sorted(path.parent.name for path in skill.SKILLS.glob("*/SKILL.md"))
        self.assertEqual(folders, sorted(skill.NAMES))

    def test_heads(self):
        for name in skill.NAMES:
            with self.subTest(name):
                front, body = head(name)
                self.assertEqual(value(front, "name"), name)
                self.assertEqual(value(front, "version"), VERSIONS.get(name, "1.0.0"))
                self.assertEqual(value(front, "license"), "MIT OR Apache-2.0")
                self.assertEqual(value(front, "runtime"), "host")
                self.assertTrue(1 <= int(value(front, "timeout")) <= 300)
                self.assertTrue(40 <= len(value(front, "description")) <= 1024)
                asked = re.findall(r"^  - (.+)$", re.search(r"^permissions:(.*?)^\w", front, re.M | re.S)[1], re.M)
                self.assertEqual(asked, PERMISSIONS[name])
                self.assertIn("parameters:\n  type: object\n", front)
                self.assertTrue(body.lstrip().startswith(f"# {name}\n"))

    def test_files(self):
        for name in skill.NAMES:
            with self.subTest(name):
                paths = [path for path in (skill.SKILLS / name).rglob("*")]
                self.assertFalse([path for path in paths if path.is_symlink() or path.name == "__pycache__"])
                self.assertTrue((skill.SKILLS / name / "main.py").stat().st_mode & stat.S_IXUSR)
                self.assertLess(sum(path.stat().st_size for path in paths if path.is_file()), 128 * 1024)

    def test_their_own_cases(self):
        for name in skill.NAMES:
            cases = sorted((skill.SKILLS / name / "tests").glob("*.json"))
            self.assertTrue(cases, name)
            for path in cases:
                case = json.loads(path.read_text(encoding="utf-8"))
                with self.subTest(f"{name}: {case['name']}"), tempfile.TemporaryDirectory() as home:
                    self.assertEqual(len({"expect", "expect_error"} & set(case)), 1)
                    if "expect_error" in case:
                        with self.assertRaises(skill.Failed) as said:
                            skill.run(name, case["arguments"], env={"HOME": home})
                        self.assertIn(case["expect_error"], str(said.exception))
                    else:
                        answer = skill.run(name, case["arguments"], env={"HOME": home})
                        self.assertTrue(is_part(case["expect"], answer), answer)

    def test_the_first_skill_of_the_manual_works(self):
        import subprocess

        manual = (skill.SKILLS.parent / "docs" / "skills.md").read_text(encoding="utf-8")
        program = re.search(r"```python\n(.*?)```", manual, re.S)[1]
        given = json.dumps({"count": 3, "sides": 20}).encode()
        done = subprocess.run(["python3", "-c", program], input=given, capture_output=True, check=True)
        answer = json.loads(done.stdout)
        self.assertEqual((len(answer["rolls"]), answer["total"]), (3, sum(answer["rolls"])))
        self.assertTrue(all(1 <= roll <= 20 for roll in answer["rolls"]))

    def test_nothing_is_said_before_the_arguments_are_there(self):
        # A prepared sandbox starts the program early; it must wait, quietly.
        import subprocess

        for name in skill.NAMES:
            with self.subTest(name):
                process = subprocess.Popen(skill.entry_point(name), cwd=skill.SKILLS / name, env={"PATH": os.environ["PATH"]},
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                with self.assertRaises(subprocess.TimeoutExpired):
                    process.wait(0.3)
                out, err = process.communicate(b"")
                self.assertEqual((process.returncode, err), (0, b""))
                self.assertIn("no JSON object", json.loads(out)["error"])


if __name__ == "__main__":
    unittest.main()
