#!/usr/bin/python3
"""A cold start: /bin/true in a sandbox with every namespace, by tach-run, bwrap and crun, in turn and in one run.

usage: cold.py [ROUNDS]

crun needs a bundle and one cgroup hierarchy: both are made in a mount namespace of this program's own.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH_RUN = os.environ.get("TACH_RUN", str(ROOT / "build" / "tach-run"))
SPEC = {"ociVersion": "1.1.0", "process": {"cwd": "/", "args": ["/bin/true"]}}
BWRAP = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup", "user")


def works(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(f"skipped: {argv[0]}: {(done.stderr or done.stdout).strip()[:200]}")
    return done.returncode == 0


def crun(folder):
    """The command that runs /bin/true in crun with the root file system read-only; needs root."""
    if os.geteuid() != 0 or shutil.which("crun") is None:
        print("skipped: crun: it is not installed, or this is not root")
        return None
    # in this namespace alone, and nowhere below a folder that is removed in the end: what is mounted is the host's /
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True)
    root = pathlib.Path("/mnt/root")
    root.mkdir()
    if not pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists():
        subprocess.run(["mount", "--bind", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"], check=True)
    subprocess.run(["mount", "--bind", "-o", "ro", "/", root], check=True)
    subprocess.run(["crun", "spec"], cwd=folder, check=True)
    config = json.loads((folder / "config.json").read_text())
    config["process"].update(terminal=False, args=["/bin/true"])
    config["root"] = {"path": str(root), "readonly": True}
    config["mounts"] = [one for one in config["mounts"] if one["destination"] in ("/proc", "/dev")]
    config["linux"]["namespaces"] = [{"type": name} for name in NAMESPACES]
    for kind in ("uidMappings", "gidMappings"):
        config["linux"][kind] = [{"containerID": 0, "hostID": 0, "size": 1}]
    (folder / "config.json").write_text(json.dumps(config))
    return ["crun", "--cgroup-manager=disabled", "run", "-b", str(folder), "tach-bench"]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    if os.geteuid() == 0 and "TACH_BENCH_NAMESPACE" not in os.environ:
        os.environ["TACH_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        (folder / "spec.json").write_text(json.dumps(SPEC))
        commands = {"tach-run": [TACH_RUN, "--spec", str(folder / "spec.json")]}
        if shutil.which("bwrap") is None:
            print("skipped: bwrap: it is not installed")
        else:
            commands["bwrap --unshare-all"] = ["bwrap", *BWRAP, "/bin/true"]
        bundle = crun(folder)
        if bundle is not None:
            commands["crun run"] = bundle
        commands = {name: argv for name, argv in commands.items() if works(argv)}
        times = {name: [] for name in commands}
        for _ in range(rounds):
            for name, argv in commands.items():
                begin = time.perf_counter()
                subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)
                times[name].append(time.perf_counter() - begin)
        print(f"/bin/true in a new sandbox (medians of {rounds}; min..max; ratio to tach-run)")
        base = statistics.median(times["tach-run"])
        for name, some in times.items():
            median = statistics.median(some)
            print(f"  {name:20} {median * 1e3:6.2f} ms  {min(some) * 1e3:.2f}..{max(some) * 1e3:.2f}  {median / base:5.2f}")


if __name__ == "__main__":
    main()
