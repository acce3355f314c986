"""Cells seen from inside: each test runs one command in a cell (a spec with process.args)."""

import os
import pathlib

import pytest
from box import NOBODY, run_spec


class Cell:
    """Runs shell or Python text in a cell whose project is PROJECT."""

    def __init__(self, project, user):
        self.project = project
        self.user = user

    def spec(self, *args, **more):
        spec = {
            "ociVersion": "1.1.0",
            "process": {
                "cwd": str(self.project),
                "args": list(args),
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/nonexistent"],
            },
            "tach": {"project": str(self.project)},
        }
        for key, value in more.items():
            spec.setdefault(key, {}) if isinstance(value, dict) else None
            if isinstance(value, dict):
                spec[key].update(value)
            else:
                spec[key] = value
        return spec

    def run(self, *args, **more):
        return run_spec(self.spec(*args, **more), self.user)

    def sh(self, script, **more):
        """The script's standard output; the script must succeed."""
        done = self.run("sh", "-c", script, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def py(self, script, **more):
        done = self.run("/usr/bin/python3", "-c", script, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(params=["root", "ordinary"])
def cell(request, tmp_path):
    """A cell made by root, and one made by an ordinary user."""
    user = None
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("this run is not root's")
    if request.param == "ordinary":
        if os.geteuid() == 0:
            user = NOBODY
        limit = pathlib.Path("/proc/sys/user/max_user_namespaces").read_text()
        clone = pathlib.Path("/proc/sys/kernel/unprivileged_userns_clone")
        if int(limit) == 0 or (clone.exists() and clone.read_text().strip() == "0"):
            pytest.skip("this kernel lets no ordinary user make user namespaces")
    project = tmp_path / "project"
    project.mkdir()
    (project / "file").write_text("original\n")
    if user is not None:
        for path in (project, project / "file"):
            os.chown(path, user, user)
        for parent in project.parents:
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o055)
    return Cell(project, user)
