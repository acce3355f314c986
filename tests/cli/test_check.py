"""tach check and tach-run features: what a machine does not allow is made missing for real, and named."""

import copy
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest
from running import DENY, NOBODY, ROOT, TACH, TACH_RUN, as_user, environment, skip_without_user_namespaces

SCHEMA = json.loads((ROOT / "spec" / "features.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
# a mount namespace of the test's own, then the script, then the command as an ordinary user
IN_MOUNTS = ["unshare", "--mount", "--propagation", "private", "sh", "-ec"]
AS_NOBODY = f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"'


def run(command, folder="/", env=None):
    return subprocess.run(
        command, cwd=folder, env=environment(**(env or {})), capture_output=True, encoding="utf-8", timeout=60, check=False
    )


class Check:
    """tach check --format json under a command that takes something away."""

    def __init__(self, *before, folder="/", env=None):
        done = run([*before, TACH, "check", "--format", "json"], folder, env)
        assert done.returncode in (0, 1), done.stderr
        self.features, self.check = (json.loads(line) for line in done.stdout.splitlines())
        for one in (self.features, self.check):
            VALIDATOR.validate(one)
        self.code = done.returncode
        assert self.check["ready"] == (self.code == 0)

    def __getitem__(self, name):
        return self.features["features"][name]

    def missing(self):
        """What is needed and missing of its own, not because of something else."""
        return [
            name for name, one in self.features["features"].items()
            if one["needed"] and one["status"] == "missing" and not (one["cause"] or "").startswith("it needs ")
        ]  # fmt: skip


@pytest.fixture(params=["root", "ordinary"])
def user(request):
    if request.param == "ordinary":
        skip_without_user_namespaces()
        return as_user(NOBODY if os.geteuid() == 0 else None)
    if os.geteuid() != 0:
        pytest.skip("this run is not root's")
    return []


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


def test_all_is_there(user, traces):
    found = Check(*user)
    assert found.missing() == [], [found[name] for name in found.missing()]
    assert found.code == 0 and found.features["isolated"], found.check
    assert found["kernel"]["release"] == os.uname().release
    assert found["namespaces"]["available"] == ["mnt", "pid", "net", "ipc", "uts", "cgroup"]
    assert found.features["program"] == os.path.realpath(TACH_RUN)
    version = run(["/usr/bin/python3", "-c", "import platform, pytest; print(platform.python_version(), pytest.__version__)"])
    assert [found.check["python"]["version"], found.check["pytest"]["version"]] == version.stdout.split()
    assert traces.left() == []


def test_every_feature_is_in_the_schema_in_its_order(user):
    schema = SCHEMA["oneOf"][0]["properties"]["features"]
    found = Check(*user)
    assert list(found.features["features"]) == list(schema["properties"])
    for name, one in found.features["features"].items():
        assert set(one) == set(schema["properties"][name]["properties"]), name


def test_the_schema_judges():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    found = Check()
    for change in (
        lambda one: one.update(unknown=1),
        lambda one: one.pop("isolated"),
        lambda one: one["features"].pop("cell"),
        lambda one: one["features"].update(unknown=one["features"]["cell"]),
        lambda one: one["features"]["cell"].update(status="fine"),
        lambda one: one["features"]["cell"].update(needed="yes"),
        lambda one: one["features"]["cell"].update(fix="a line"),
        lambda one: one["features"]["cell"].update(errno="13"),
        lambda one: one["features"]["kernel"].update(unknown=1),
        lambda one: one["features"]["kernel"].pop("cause"),
    ):
        changed = copy.deepcopy(found.features)
        change(changed)
        assert not VALIDATOR.is_valid(changed)


def test_the_table(user):
    done = run([*user, TACH, "check"])
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["ok", "kernel", "release:"] and lines[-1] == "Tests can run isolated here."
    done = run([*user, DENY, "openat2=ENOSYS", "--", TACH, "check"])
    assert done.returncode == 1 and "missing   openat2" in done.stdout
    assert "step: openat2: ENOSYS" in done.stdout and "fix:  docker run --security-opt seccomp=unconfined" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Tests cannot run isolated here")


HIDDEN = "a seccomp filter on this process hides {}, as the default of containers does"
FORBIDDEN = "a seccomp filter on this process may forbid it, as the default of containers does"


@pytest.mark.parametrize(
    "denied, error, names, cause",
    [
        ("clone3", "ENOSYS", ["clone3", "user_namespaces"], HIDDEN.format("clone3")),
        ("openat2", "ENOSYS", ["openat2"], HIDDEN.format("openat2")),
        ("open_tree", "ENOSYS", ["mount_api"], HIDDEN.format("open_tree")),
        ("mount_setattr", "ENOSYS", ["mount_api"], HIDDEN.format("mount_setattr")),
        ("move_mount", "EPERM", ["mount_api"], FORBIDDEN),
        ("mount", "EPERM", ["mount"], FORBIDDEN),
        ("pivot_root", "EPERM", ["mount"], FORBIDDEN),
        ("setns", "EPERM", ["namespaces"], FORBIDDEN),
        ("sethostname", "EPERM", ["namespaces"], FORBIDDEN),
        ("capset", "EPERM", ["capabilities"], FORBIDDEN),
        ("seccomp", "EPERM", ["seccomp"], FORBIDDEN),
        ("close_range", "ENOSYS", ["close_range"], HIDDEN.format("close_range")),
        ("pidfd_open", "ENOSYS", ["pidfd"], HIDDEN.format("pidfd_open")),
    ],
)
def test_a_denied_system_call_is_named(user, denied, error, names, cause):
    found = Check(*user, DENY, f"{denied}={error}", "--")
    assert found.code == 1 and not found.features["isolated"] and found.missing() == names
    for name in names:
        assert (found[name]["errno"], found[name]["cause"]) == (error, cause)
        assert "docker run --security-opt seccomp=unconfined" in found[name]["fix"][0]
    if found["cell"]["status"] == "missing":
        assert found["cell"]["cause"] == f"it needs {names[0]}"


@pytest.mark.parametrize(
    "denied, name", [("landlock_create_ruleset", "landlock"), ("keyctl", "keyrings"), ("userfaultfd", "userfaultfd")]
)
def test_what_is_not_needed_may_be_missing(user, denied, name):
    found = Check(*user, DENY, f"{denied}=ENOSYS", "--")
    assert found.code == 0 and not found[name]["needed"]
    assert (found[name]["status"], found[name]["errno"]) == ("missing", "ENOSYS")


def test_a_seccomp_supervisor_is_named(user):
    found = Check(*user, DENY, "--count", "acct", "--")
    assert found.code == 0 and found["seccomp"]["filtered"]
    assert found["seccomp_notify"]["errno"] == "EBUSY" and "supervises this process" in found["seccomp_notify"]["cause"]


def test_too_many_mounts(user):
    found = Check(*user, DENY, "mount=ENOSPC", "--")
    assert found.code == 1 and found.missing() == ["mount"] and found["mount"]["errno"] == "ENOSPC"
    assert "fs.mount-max" in found["mount"]["cause"] and found["mount"]["fix"] == ["sudo sysctl -w fs.mount-max=1000000"]


def test_no_user_namespaces(root):
    script = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
    found = Check("unshare", "--user", "--map-root-user", "sh", "-ec", script, "sh")
    assert found.code == 1 and found.missing() == ["user_namespaces"]
    one = found["user_namespaces"]
    assert one["max_user_namespaces"] == 0 and one["errno"] == "ENOSPC" and one["cause"] == "user.max_user_namespaces is 0"
    assert one["fix"] == ["sudo sysctl -w user.max_user_namespaces=15000"]


@pytest.mark.parametrize("kind", ["mnt", "pid", "net", "ipc", "uts", "cgroup"])
def test_no_namespaces_of_one_kind(root, kind):
    script = f'echo 0 >/proc/sys/user/max_{kind}_namespaces; exec "$@"'
    found = Check("unshare", "--user", "--map-root-user", "sh", "-ec", script, "sh")
    one = found["namespaces"]
    assert found.code == 1 and found.missing() == ["namespaces"] and one["errno"] == "ENOSPC"
    assert kind not in one["available"] and len(one["available"]) == 5
    assert one["cause"] == f"user.max_{kind}_namespaces is 0"
    assert one["fix"] == [f"sudo sysctl -w user.max_{kind}_namespaces=15000"]


def test_masked_proc_as_in_a_container(root):
    skip_without_user_namespaces()
    masks = "mount -t tmpfs none /proc/acpi; mount --bind /dev/null /proc/keys; mount --bind /dev/null /proc/timer_list; "
    found = Check(*IN_MOUNTS, masks + AS_NOBODY, "sh")
    one = found["proc"]
    assert found.code == 1 and found.missing() == ["proc"] and one["errno"] == "EPERM"
    assert one["masked"] == ["/proc/acpi", "/proc/keys", "/proc/timer_list"]
    assert "(/proc/acpi, /proc/keys, /proc/timer_list)" in one["cause"] and "Mount too revealing" in one["cause"]
    assert "systempaths=unconfined" in one["fix"][0] and "unmask=ALL" in one["fix"][1]


def sysctl(name, value):
    """A script that shows everybody the switch NAME of /proc/sys/kernel, which this kernel need not have."""
    return f"mount -t tmpfs -o mode=755 none /proc/sys/kernel; echo {value} >/proc/sys/kernel/{name}; " + AS_NOBODY


def test_apparmor_restricts_user_namespaces(root):
    """Ubuntu's way: the namespace can be made, and what is done in it is refused."""
    skip_without_user_namespaces()
    script = sysctl("apparmor_restrict_unprivileged_userns", 1)
    found = Check(*IN_MOUNTS, script, "sh", DENY, "mount=EACCES", "--")
    assert found.code == 1 and found.missing() == ["mount"]
    assert found["user_namespaces"]["status"] == "ok"
    assert found["user_namespaces"]["apparmor_restrict_unprivileged_userns"] == 1
    one = found["mount"]
    assert one["errno"] == "EACCES" and one["cause"].startswith("kernel.apparmor_restrict_unprivileged_userns is 1: ")
    assert one["fix"][0] == "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    assert f'  profile tach-run "{os.path.realpath(TACH_RUN)}" flags=(unconfined) {{' in one["fix"]
    assert "    userns," in one["fix"] and one["fix"][-1].endswith("apparmor_parser -r /etc/apparmor.d/tach-run")


def test_debians_switch_for_user_namespaces(root):
    skip_without_user_namespaces()
    found = Check(*IN_MOUNTS, sysctl("unprivileged_userns_clone", 0), "sh", DENY, "clone3=EPERM", "--")
    one = found["user_namespaces"]
    assert found.code == 1 and one["unprivileged_userns_clone"] == 0 and one["errno"] == "EPERM"
    assert one["cause"] == "kernel.unprivileged_userns_clone is 0"
    assert one["fix"] == ["sudo sysctl -w kernel.unprivileged_userns_clone=1"]


def test_a_closed_folder_on_the_way_to_the_project(root, tmp_path):
    """Root's powers end, in a user namespace, at the files of others."""
    home = tmp_path / "home"
    project = home / "project"
    project.mkdir(parents=True)
    os.chown(home, NOBODY, NOBODY)
    home.chmod(0o700)
    found = Check(folder=project)
    one = found["project"]
    assert found.code == 1 and found.missing() == ["project"]
    assert (one["folder"], one["blocked"], one["errno"]) == (str(project), str(home), "EACCES")
    assert f"{home} (mode 0700, of uid {NOBODY}) is closed to uid 0" in one["cause"]
    assert one["fix"] == [f"run tach as uid {NOBODY}, or: chmod o+rx {home}"]


def test_a_project_on_nested_overlays(root, tmp_path):
    script = """
mount -t tmpfs none "$1"; cd "$1"; mkdir lower
for i in 1 2; do
        mkdir $i $i/up $i/work $i/all
        mount -t overlay -o "lowerdir=$(test $i = 1 && echo lower || echo 1/all),upperdir=$i/up,workdir=$i/work" none $i/all
done
cd 2/all; shift; exec "$@"
"""
    found = Check(*IN_MOUNTS, script, "sh", str(tmp_path))
    assert found.code == 1 and found.missing() == ["cell"]
    assert found["cell"]["errno"] == "EINVAL" and found["cell"]["step"].startswith("mount: overlay on ")
    assert "nested overlays" in found["cell"]["cause"]


def test_control_groups(user):
    """What is said is what is there."""
    one = Check(*user)["cgroup"]
    own = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
    group = [line[3:] for line in own if line.startswith("0::")]
    mounts = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    assert one["mount"] in [None, *(line[4] for line in mounts if "cgroup2" in line)]
    assert [one["group"]] == group if group else one["group"] is None
    assert set(one["delegated"]) <= set(one["available"])
    if one["status"] == "missing":
        assert one["cause"] and one["fix"] and one["delegated"] == []
    else:
        assert one["clone_into"] and one["kill"]
        assert (one["status"] == "ok") == (len(one["delegated"]) == 4)


def test_no_control_groups(root):
    found = Check(*IN_MOUNTS, "umount -R -l /sys/fs/cgroup; exec \"$@\"", "sh")
    one = found["cgroup"]
    assert found.code == 0 and one["status"] == "missing" and one["mount"] is None
    assert one["cause"] == "no cgroup v2 tree is mounted that holds this process"
    assert one["fix"][0].startswith("systemd-run --scope -p Delegate=yes tach")


def test_no_interpreter_and_no_pytest(user, tmp_path):
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    found = Check(*user, env={"TACH_PYTHON": "/nonexistent/python"}, folder=tmp_path)
    assert found.code == 1 and found.features["isolated"] and found.check["python"]["status"] == "missing"
    (tmp_path / "pytest.py").write_text("raise ImportError\n")
    found = Check(*user, folder=tmp_path)
    assert found.code == 1 and found.check["python"]["status"] == "ok"
    assert (found.check["pytest"]["status"], found.check["pytest"]["cause"]) == ("missing", "the interpreter cannot import it")


def test_what_a_project_says_cannot_steer_the_terminal(root, tmp_path):
    folder = tmp_path / "a\x1b[31mb"
    folder.mkdir()
    (folder / "pytest.py").write_text("__version__ = '7.2\\x1b[31m'\n")
    done = run([TACH, "check"], folder)
    assert "\x1b" not in done.stdout and "a?[31mb" in done.stdout and "7.2?[31m" in done.stdout


def test_an_interpreter_is_not_started_outside_of_a_cell(user, tmp_path):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho >{tmp_path}/started\n")
    fake.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    tmp_path.chmod(0o777)
    found = Check(*user, DENY, "mount=EPERM", "--", env={"TACH_PYTHON": str(fake)})
    assert found.check["python"]["cause"] == "not looked at: that takes a cell"
    assert Check(*user, env={"TACH_PYTHON": str(fake)}).check["python"]["cause"] == "it does not run in a cell"
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    "denied, error, cause",
    [("mount", "EPERM", FORBIDDEN), ("clone3", "ENOSYS", HIDDEN.format("clone3")), ("openat2", "ENOSYS", HIDDEN.format("openat2")),
     ("mount_setattr", "ENOSYS", HIDDEN.format("mount_setattr")), ("pivot_root", "EACCES", FORBIDDEN),
     ("setns", "EPERM", FORBIDDEN), ("seccomp", "EPERM", FORBIDDEN), ("sethostname", "EPERM", FORBIDDEN), ("capset", "EPERM", FORBIDDEN)],
)  # fmt: skip
def test_a_run_gives_the_same_diagnosis(user, suite, denied, error, cause):
    suite.write(text="def test_pass(): pass\n")
    for folder in (suite.path, *suite.path.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    done = run([*user, DENY, f"{denied}={error}", "--", TACH, "--format", "json"], suite.path)
    event = next(json.loads(line) for line in done.stdout.splitlines() if '"event":"error"' in line)
    assert done.returncode == 3 and event["hint"].startswith(cause) and error in event["what"]
    assert "docker run" in event["hint"] and "tach check says more" in event["hint"] and "--no-isolation" in event["hint"]
    assert cause in done.stderr


def test_a_step_that_fails_once_is_not_explained_away(root, suite):
    """The machine allows it: the hint stays the failing place's own."""
    suite.write(text="def test_pass(): pass\n")
    done = run([DENY, "--nth", "1", "pivot_root=EPERM", "--", TACH, "--format", "json"], suite.path)
    event = next(json.loads(line) for line in done.stdout.splitlines() if '"event":"error"' in line)
    assert done.returncode == 3 and event["what"].startswith("pivot_root: EPERM") and event["hint"] is None


def test_missing_controllers_are_explained(root, suite):
    one = Check()["cgroup"]
    if one["status"] == "ok":
        pytest.skip("every controller is delegated here")
    suite.write(text="def test_pass(): pass\n")
    spec = json.loads(run([TACH, "spec"], suite.path).stdout)
    spec["linux"]["resources"] = {"memory": {"limit": 1 << 28}, "pids": {"limit": 100}, "cpu": {"shares": 100, "cpus": "0"}}
    done = subprocess.run(
        [TACH_RUN, "--spec", "-"], input=json.dumps(spec), capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    assert done.returncode == 4 and one["cause"] in done.stderr and one["fix"][0] in done.stderr


def test_wrong_use():
    done = run([TACH, "check", "tests"])
    assert done.returncode == 4 and "check: unexpected tests" in done.stderr
