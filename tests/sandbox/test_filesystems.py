"""Projects on the file systems that people's disks have, each made and mounted for the test."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from box import SLOW, TACH_RUN
from test_project import USERS, WRITE, in_namespace, spec

#: what makes one in a file, and what stat(1) calls it
KINDS = {
    "ext4": (["mke2fs", "-q", "-t", "ext4"], "ext2/ext3"),
    "btrfs": (["mkfs.btrfs", "-q"], "btrfs"),
    "xfs": (["mkfs.xfs", "-q"], "xfs"),
}
SIZE = 400 << 20  # of a file with holes; xfs wants more than 300 MiB
TACH = pathlib.Path(TACH_RUN).with_name("tach")


class Disk:
    """A file system in a file; ``mount(at)`` is the shell command that mounts it."""

    def __init__(self, kind, image):
        self.kind = kind
        self.image = image

    def mount(self, at):
        return f"mount -o loop {self.image} {at}"


@pytest.fixture(params=KINDS)
def disk(request, tmp_path):
    make, _ = KINDS[request.param]
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system from a file")
    if shutil.which(make[0]) is None:
        pytest.skip(f"{make[0]} is not installed")
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    subprocess.run([*make, str(image)], check=True, capture_output=True)
    found = Disk(request.param, image)
    tried = subprocess.run(["unshare", "-m", "sh", "-c", found.mount("/mnt")], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"{request.param} cannot be mounted here: {tried.stderr.strip()}")
    for parent in image.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    yield found
    image.unlink()


@USERS
def test_project_on(disk, tmp_path, user):
    project = tmp_path / "project"
    project.mkdir()
    name = KINDS[disk.kind][1]
    script = f"""
        {disk.mount(project)}
        test "$(stat -f -c %T {project})" = {name}
        mkdir {project}/folder; echo original > {project}/file; echo original > {project}/folder/file
        {f"chown -R {user}:{user} {project}" if user else ""}
    """
    check = '\ntest "$(stat -f -c %T .)" = overlayfs\n'
    done = in_namespace(script, spec(project, WRITE + check), user)
    assert done.returncode == 0, done.stderr


SUITE = '''
import os, pathlib, pytest

@pytest.mark.parametrize("n", range(6))
def test_all_that_a_project_may_get(n):
    """What overlayfs does in other ways on other file systems: each is done anew, and none is there before."""
    assert sorted(os.listdir(".")) == ["data", "link", "out", "pyproject.toml", "test_it.py"]
    assert os.listdir("out") == [] or set(os.listdir("out")) <= {f"kept-{k}" for k in range(6)}
    assert pathlib.Path("data/big").stat().st_size == 3 << 20
    with open("data/big", "r+b") as file:
        file.seek(1 << 20); file.write(b"changed")
    os.link("data/big", "data/hard")
    with open("data/hard", "ab") as file:
        file.write(b"both")
    assert pathlib.Path("data/big").stat().st_size == (3 << 20) + 4 and pathlib.Path("data/big").stat().st_nlink == 2
    os.symlink("big", "data/soft")
    os.rename("data/small", "data/renamed")
    os.unlink("link")
    os.mkfifo("fifo")
    if tuple(map(int, os.uname()[2].split(".")[:2])) >= (6, 6):  # tmpfs had no such attributes before
        os.setxattr("data/renamed", "user.mark", b"x" * 100)
        assert os.getxattr("data/renamed", "user.old") == b"old"
    with open("sparse", "wb") as file:
        file.truncate(1 << 40 if n % 2 else 1 << 20)
    os.makedirs("a/b/c"); os.rmdir("a/b/c"); os.rename("a/b", "a/d")
    pathlib.Path(f"out/kept-{n}").write_text(str(n))
    with open("data/small", "x"): pass
    for entry in os.scandir("data"): assert entry.inode() == os.stat(entry.path, follow_symlinks=False).st_ino
'''
MAKE = """
rmdir {p}/lost+found 2>/dev/null || true
mkdir {p}/data {p}/out; cp test_it.py {p}
printf '[tool.tach]\\nkeep = ["out/*"]\\n' > {p}/pyproject.toml
head -c 3145728 /dev/zero > {p}/data/big; echo small > {p}/data/small; ln -s data/small {p}/link
/usr/bin/python3 -c 'import os; os.setxattr("{p}/data/small", "user.old", b"old")'
{more}
before=$(cd {p} && find data link -name 'out-*' -o -type f -exec sha256sum {{}} + -o -type l -printf '%p %l')
"""
CHECK = """
after=$(cd {p} && find data link -name 'out-*' -o -type f -exec sha256sum {{}} + -o -type l -printf '%p %l')
test "$before" = "$after"
ls {p} {p}/out
"""


def run_suite(disk, tmp_path, text, more="", after="", args=""):
    """The suite TEXT in a project on DISK; what tach printed, and what was in the project afterwards."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "test_it.py").write_text(text)
    script = f"set -e\ncd {tmp_path}\n{disk.mount(project)}\n" + MAKE.format(p=project, more=more)
    script += f"cd {project}; {TACH} -n 2 --format=json -p no:cacheprovider {args}; cd /; echo ---\n"
    script += CHECK.format(p=project) + after.format(p=project) + f"\numount {project}\n"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], text=True, capture_output=True, timeout=120 * SLOW, check=False)
    events, _, left = done.stdout.partition("---\n")
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in events.splitlines()], left.split()


def test_a_suite_on(disk, tmp_path):
    events, left = run_suite(disk, tmp_path, SUITE)
    tests = [event for event in events if event["event"] == "test"]
    assert [test["outcome"] for test in tests] == ["passed"] * 6, tests
    kept = [f"kept-{n}" for n in range(6)]
    assert [name for name in left if not name.endswith(":")] == ["data", "link", "out", "pyproject.toml", "test_it.py", *kept]


CLEAN = "import pytest\n@pytest.mark.parametrize('n', range(8))\ndef test_clean(n): open('data/small').read()\n"


def test_a_cell_is_used_again_on(disk, tmp_path):
    """The proof that nothing was written is the upper layer's, wherever the lower one lies."""
    events, _ = run_suite(disk, tmp_path, CLEAN, args="--reuse=cell")
    assert events[-1]["counts"] == {"passed": 8} and events[-1]["cells"]["reused"] >= 1, events[-1]
    assert events[-1]["cells"]["thrown_away"] == {}


SUBVOLUME = '''
import os, pathlib, pytest

@pytest.mark.parametrize("n", range(4))
def test_subvolume(n):
    assert os.stat("data/sub").st_ino and pathlib.Path("data/sub/f").read_text() == "inner\\n"
    assert sorted(os.listdir("data/sub")) == ["deep", "f"]
    pathlib.Path("data/sub/f").write_text("changed")
    pathlib.Path("data/sub/new").write_text("x")
    pathlib.Path("data/sub/deep/g").unlink()
    pathlib.Path(f"data/sub/deep/out-{n}").write_text("kept")
'''


@pytest.mark.parametrize("disk", ["btrfs"], indirect=True)
def test_a_subvolume_below_the_project(disk, tmp_path):
    """It is no mount, but has a device number of its own."""
    make = "btrfs -q subvolume create {p}/data/sub; mkdir {p}/data/sub/deep; echo inner > {p}/data/sub/f; echo g > {p}/data/sub/deep/g"
    project = tmp_path / "project"
    keep = "--keep 'data/sub/deep/out-*'"
    check = "find {p}/data/sub -type f -printf '%P '"
    events, left = run_suite(disk, tmp_path, SUBVOLUME, more=make.format(p=project), after="\n" + check, args=keep)
    assert events[-1]["counts"] == {"passed": 4}, events
    assert {"f", "deep/g"} | {f"deep/out-{n}" for n in range(4)} <= set(left)
