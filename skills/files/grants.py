"""Which folders the user granted, and whether a path lies in one of them."""

import os

HOW = ('no folder is granted to this skill. The user can grant one in gateway.yaml, such as `skills: {grants: {files: '
       '["filesystem:write:~/notes"]}}`, with `filesystem:read:` for one that is only read')


class Refused(Exception):
    """What can't be done, in words for whoever asked."""


class Grants:
    """Folders (or single files) by their real paths."""

    def __init__(self, text):
        self.roots = []
        for line in text.splitlines():
            mode, _, path = line.strip().partition(":")
            if mode in ("read", "write") and path.startswith("/"):
                self.roots.append((os.path.realpath(path), mode == "write"))
        if not self.roots:
            raise Refused(HOW)

    def resolve(self, path, write=False):
        """The real path behind a path, when it is granted. Links are followed, so none leads out."""
        if "\0" in path:
            raise Refused("a path can't hold a NUL character")
        if path.startswith("~"):
            raise Refused("`~` is not known here; give the whole path, or one relative to the granted folder")
        if not os.path.isabs(path):
            if len(self.roots) > 1 and path not in ("", "."):
                path = self.only_home_of(path)
            path = os.path.join(self.roots[0][0], path)
        real = os.path.realpath(path)
        covering = [may_write for root, may_write in self.roots if real == root or real.startswith(root.rstrip("/") + "/")]
        if not covering:
            raise Refused(f"`{path}` lies outside of what is granted: {self.listed()}")
        if write and not any(covering):
            raise Refused(f"`{path}` may be read only. The user can grant `filesystem:write:{real}` (or its folder) under skills.grants.files")
        return real

    def only_home_of(self, path):
        """A relative path below the one root that has it, or whose folder for it is there."""
        below = [os.path.join(root, path) for root, _ in self.roots]
        there = [one for one in below if os.path.lexists(one)] or [one for one in below if os.path.isdir(os.path.dirname(one)) and "/" in path]
        if len(there) != 1:
            raise Refused(f"`{path}` may be in several places; give a whole path. Granted: {self.listed()}")
        return there[0]

    def is_root(self, real):
        return any(real == root for root, _ in self.roots)

    def listed(self):
        return ", ".join(f"{root}{'' if may_write else ' (read only)'}" for root, may_write in self.roots)
