"""The project is copy-on-write wherever it lies and whatever is mounted in it."""

import json
import os
import pathlib
import subprocess

import pytest
from box import NOBODY, SLOW, TACH_RUN, run_spec

WRITE = """
set -e
test "$(cat file)" = original
test "$(cat folder/file)" = original
echo changed > file; echo new > new; mkdir made; rm folder/file; echo x > folder/x
test "$(cat file)" = changed; test ! -e folder/file
"""


def in_namespace(script, spec, user=None):
    """Runs tach-run on SPEC in a mount namespace of its own, after SCRIPT has mounted things there."""
    run = f"{TACH_RUN} --spec -"
    if user is not None:
        run = f"setpriv --reuid={user} --regid={user} --clear-groups {run}"
    if os.geteuid() != 0:
        pytest.skip("only root can mount what this needs")
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", f"set -e\n{script}\nexec {run}"],
        input=json.dumps(spec), text=True, capture_output=True, timeout=60 * SLOW, check=False,
    )  # fmt: skip


def spec(project, script=WRITE):
    return {
        "ociVersion": "1.1.0",
        "process": {"cwd": str(project), "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]},
        "tach": {"project": str(project)},
    }


def fill(folder, user=None):
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("original\n")
    (folder / "folder" / "file").write_text("original\n")
    for path in (folder, *folder.rglob("*")):
        if user is not None:
            os.chown(path, user, user)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)


def is_as_it_was(folder):
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return found == ["file", "folder", "folder/file"] and (folder / "file").read_text() == "original\n"


# of a run that is not root's, only its own user
USERS = pytest.mark.parametrize("user", [None, NOBODY][: 2 if os.geteuid() == 0 else 1])
NAMES = ["a b", "a,b", "a:b", "a\\b", "a\nb", "a=b%n", "lowerdir=x,upperdir=y", "ä\u2028ö", "-rf", "a'b\"c`$HOME`"]


@USERS
@pytest.mark.parametrize("name", NAMES)
def test_odd_names(tmp_path, name, user):
    project = tmp_path / name
    fill(project, user)
    done = run_spec(spec(project), user)
    assert done.returncode == 0, done.stderr
    assert is_as_it_was(project)


@USERS
@pytest.mark.parametrize(
    "mount",
    [
        "mount -t tmpfs none {p}",
        "mount --bind {s} {p}",
        "mount -t tmpfs none {s}/o; mkdir {s}/o/up {s}/o/work {s}/o/low; mount -t overlay -o "
        "lowerdir={s}/o/low,upperdir={s}/o/up,workdir={s}/o/work none {p}",
    ],
    ids=["tmpfs", "bind mount", "overlayfs"],
)
def test_project_on(tmp_path, mount, user):
    project, scratch = tmp_path / "project", tmp_path / "scratch"
    project.mkdir()
    (scratch / "o").mkdir(parents=True)
    for parent in project.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    script = mount.format(p=project, s=scratch) + f"""
        mkdir {project}/folder; echo original > {project}/file; echo original > {project}/folder/file
        {f"chown -R {user}:{user} {project}" if user else ""}
    """
    check = f"\ntest \"$(stat -f -c %T {project})\" = overlayfs\n"
    done = in_namespace(script, spec(project, WRITE + check), user)
    assert done.returncode == 0, done.stderr


@USERS
def test_read_only_project(tmp_path, user):
    """It may be written all the same: the writes go elsewhere."""
    project = tmp_path / "project"
    fill(project, user)
    done = in_namespace(f"mount --bind -o ro {project} {project}; mount -o remount,bind,ro {project}", spec(project), user)
    assert done.returncode == 0, done.stderr
    assert is_as_it_was(project)


@USERS
def test_a_symlinked_path(tmp_path, user):
    fill(tmp_path / "real", user)
    (tmp_path / "link").symlink_to("real")
    done = run_spec(spec(tmp_path / "link"), user)
    assert done.returncode == 0, done.stderr
    assert is_as_it_was(tmp_path / "real")


@USERS
def test_the_home_folder_inside_the_project(tmp_path, user):
    project = tmp_path / "project"
    fill(project, user)
    one = spec(project, WRITE + "mkdir -p ~/.cache; echo x > ~/.cache/x; echo $HOME")
    one["process"]["env"].append(f"HOME={project}/folder")
    done = run_spec(one, user)
    assert done.returncode == 0 and done.stdout.strip() == f"{project}/folder", done.stderr
    assert is_as_it_was(project)


SUBMOUNTS = """
mkdir -p {p}/deep/er/m {p}/n
mount -t tmpfs none {p}/deep/er/m
echo mounted > {p}/deep/er/m/inner; mkdir {p}/deep/er/m/d; echo mounted > {p}/deep/er/m/d/f
mount -t tmpfs none {p}/n; mkdir {p}/n/nested; mount -t tmpfs none {p}/n/nested; echo nested > {p}/n/nested/f
echo beside > {p}/deep/beside; ln -s ../file {p}/deep/link; mkdir {p}/deep/other; echo o > {p}/deep/other/o
touch {p}/bound; echo bound > {s}; mount --bind {s} {p}/bound
{chown}
"""
SUBMOUNT_TEST = WRITE + """
cat deep/er/m/inner deep/er/m/d/f n/nested/f deep/beside deep/link deep/other/o bound
echo w > deep/er/m/new; rm deep/er/m/inner; echo w > n/nested/new; echo w > n/new; echo w > deep/new
echo w > deep/beside; rm deep/other/o; echo w > deep/er/new; (echo w > bound) 2>/dev/null && exit 9
true
"""


@USERS
def test_mounts_below_the_project(tmp_path, user):
    """The file systems that are mounted there are seen, written to, and stay as they were; so does the rest."""
    project, source = tmp_path / "project", tmp_path / "source"
    fill(project, user)
    script = SUBMOUNTS.format(p=project, s=source, chown=f"chown -R {user}:{user} {project}" if user else "")
    after = f"""
cd {project}
cat file folder/file deep/er/m/inner deep/er/m/d/f n/nested/f deep/beside deep/other/o bound
find . | sort
"""
    run = f"{TACH_RUN} --spec {tmp_path}/spec.json"
    (tmp_path / "spec.json").write_text(json.dumps(spec(project, SUBMOUNT_TEST)))
    if user is not None:
        run = f"setpriv --reuid={user} --regid={user} --clear-groups {run}"
    if os.geteuid() != 0:
        pytest.skip("only root can mount what this needs")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"set -e\n{script}\n{run}\necho ---\n{after}"],
        text=True, capture_output=True, timeout=60 * SLOW, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen, left = done.stdout.split("---\n")
    assert seen.split() == ["mounted", "mounted", "nested", "beside", "changed", "o", "bound"]
    assert left.split()[:8] == ["original", "original", "mounted", "mounted", "nested", "beside", "o", "bound"]
    assert "new" not in left and "made" not in left


def test_a_suite_with_mounts_below_it(tmp_path):
    """Cells see what the suite wrote while it was imported, in each part, and do not see each other's writes."""
    project = tmp_path / "project"
    (project / "m").mkdir(parents=True)
    (project / "test_it.py").write_text(
        """
import os, pathlib, pytest
for place in ("", "m/", "sub/"):
    pathlib.Path(place + "at-import").write_text("x")
@pytest.mark.parametrize("n", range(3))
def test_writes(n):
    for place in ("", "m/", "sub/"):
        assert pathlib.Path(place + "at-import").read_text() == "x"
        assert not pathlib.Path(place + "left").exists()
        pathlib.Path(place + "left").write_text("y")
        os.unlink(place + "at-import")
"""
    )
    (project / "sub").mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount what this needs")
    tach = pathlib.Path(TACH_RUN).with_name("tach")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none {project}/m; cd {project}; {tach} -n 2; echo $?; ls . m"],
        text=True, capture_output=True, timeout=60 * SLOW, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.split("\n0\n")[1].split() == [".:", "m", "sub", "test_it.py", "m:"]


@USERS
def test_a_project_at_the_root(tmp_path, user):
    """Its folders are copy-on-write, but for the system's, which stay read-only."""
    home = pathlib.Path("/srv")
    if not home.exists():
        pytest.skip("there is no /srv")
    before = sorted(home.iterdir())
    script = "set -e; (echo x > /etc/tach-test) 2>/dev/null && exit 9; (echo x > /tach-test) 2>/dev/null && exit 8; "
    script += "echo x > /srv/tach-test; cat /srv/tach-test" if user is None else "echo x"
    done = run_spec({**spec("/", script)}, user)
    assert done.returncode == 0 and done.stdout == "x\n", done.stderr
    assert sorted(home.iterdir()) == before
