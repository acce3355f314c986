"""What a hostile test can do through the paths that are written back to the project (tach.keep)."""

import os
import stat

import pytest
from running import SLOW, suite  # noqa: F401

KEEP = '[tool.tach]\nkeep = ["**"]\n'


@pytest.fixture
def project(suite):  # noqa: F811
    suite.write("pyproject.toml", KEEP)
    return suite


def errors(result):
    return [event["what"] for event in result.events if event["event"] == "error"]


def test_a_link_out_of_the_project_is_not_followed(project, tmp_path):
    """A folder of the test's becomes a link, and what it wrote there must not land behind it."""
    (tmp_path / "outside").mkdir()
    (project.path / "data").symlink_to(tmp_path / "outside")
    project.write(text="import os\ndef test_it(): os.unlink('data'); os.mkdir('data'); open('data/x', 'w').write('x')\n")
    project.json()
    assert os.listdir(tmp_path / "outside") == []
    # and the other way round: the first test's link is the second one's folder
    project.write(
        text=f"import os\ndef test_a(): os.symlink({str(tmp_path / 'outside')!r}, 'here')\n"
        "def test_b(): os.makedirs('here', exist_ok=True); open('here/x', 'w').write('x')\n"
    )
    result = project.json("--workers=1", "--reuse=never")
    assert os.listdir(tmp_path / "outside") == []
    assert os.readlink(project.path / "here") == str(tmp_path / "outside") or (project.path / "here/x").exists()
    assert result.code in (0, 1)


def test_a_link_that_is_kept_is_a_link(project, tmp_path):
    """What it points to is neither read nor written, with whoever's rights."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    project.write(text=f"import os\ndef test_it(): os.symlink({str(secret)!r}, 'link'); os.symlink('/etc/shadow', 'shadow')\n")
    assert project.json().code == 0
    assert os.readlink(project.path / "link") == str(secret) and os.readlink(project.path / "shadow") == "/etc/shadow"
    project.write(text="import os\ndef test_it():\n    os.unlink('link'); open('link', 'w').write('mine')\n")
    assert project.json().code == 0
    assert secret.read_text() == "secret" and not (project.path / "link").is_symlink()
    assert (project.path / "link").read_text() == "mine"


def test_no_setuid_no_devices_no_pipes(project):
    project.write(
        text="import os, shutil, socket, stat\n"
        "def test_it():\n"
        "    shutil.copy('/bin/true', 'su'); os.chmod('su', 0o6755); os.mkdir('d'); os.chmod('d', 0o3777)\n"
        "    os.mkfifo('fifo'); socket.socket(socket.AF_UNIX).bind('sock')\n"
        "    for mode, device in ((stat.S_IFCHR, os.makedev(1, 3)), (stat.S_IFBLK, os.makedev(8, 0)), (stat.S_IFCHR, 0)):\n"
        "        try: os.mknod(f'node{mode}{device}', mode | 0o666, device)\n"
        "        except OSError: pass\n"
    )
    result = project.json(timeout=30)
    assert stat.S_IMODE((project.path / "su").stat().st_mode) == 0o755
    assert stat.S_IMODE((project.path / "d").stat().st_mode) == 0o777
    left = {name for name in os.listdir(project.path) if name.startswith(("fifo", "sock", "node"))}
    assert left == set()
    assert {"fifo", "sock"} <= {what.partition(" ")[0] for what in errors(result)} and result.code == 1


def test_a_hard_link_gives_nothing(project):
    """Protected by the overlay: the project's files are copied up before they are linked."""
    project.write("a.txt", "a")
    project.write(text="import os\ndef test_it(): os.link('a.txt', 'b.txt'); open('b.txt', 'w').write('b')\n")
    assert project.json().code == 0
    a, b = (project.path / "a.txt").stat(), (project.path / "b.txt").stat()
    assert a.st_nlink == b.st_nlink == 1 and (project.path / "b.txt").read_text() == "b"


def test_overlay_marks_cannot_be_forged(suite):  # noqa: F811
    """A test that could mark a folder as opaque, or a file as gone, would remove what no pattern of its own has."""
    suite.write("pyproject.toml", '[tool.tach]\nkeep = ["**"]\n')
    suite.write("data/keep.txt", "k")
    suite.write(
        text="import os, stat\n"
        "def test_it():\n"
        "    os.chmod('data', 0o700); done = []\n"
        "    for name in ('user.overlay.opaque', 'user.overlay.whiteout', 'trusted.overlay.opaque', 'user.overlay.redirect'):\n"
        "        for path in ('data', 'data/keep.txt'):\n"
        "            try: os.setxattr(path, name, b'y'); done.append((path, name))\n"
        "            except OSError: pass\n"
        "    try: os.mknod('data/gone', stat.S_IFCHR, 0); done.append('whiteout')\n"
        "    except OSError: pass\n"
        "    print(done)\n"
    )
    suite.json()
    assert (suite.path / "data/keep.txt").read_text() == "k"


def test_too_much_is_refused(project):
    """Of one file, of one cell: what fits is kept, and nothing hangs."""
    project.write(
        text="import os\n"
        "def test_big():\n"
        "    with open('big', 'w') as f: f.truncate(1 << 40)\n"  # sparse
        "    open('small', 'w').write('s')\n"
        "def test_deep():\n"
        "    here = os.getcwd()\n"
        "    for i in range(100): os.mkdir('d'); os.chdir('d')\n"
        "    os.chdir(here)\n"
    )
    result = project.json()
    assert result.code == 1 and (project.path / "small").read_text() == "s" and not (project.path / "big").exists()
    found = sorted(errors(result))
    assert found[0].startswith("big of test_it.py::test_big cannot be kept: EFBIG")
    assert found[1] == "what test_it.py::test_deep wrote: more than 64 folders deep: the rest is lost"


def test_more_entries_than_anybody_needs(project):
    project.write(text="def test_it():\n    for i in range(110_000): open(f'{i:06}.bin', 'w').close()\n")
    project.write("pyproject.toml", '[tool.tach]\nkeep = ["x"]\n')
    result = project.json(f"--timeout={100 * SLOW}", timeout=120)
    assert errors(result) == ["what test_it.py::test_it wrote: more than 100000 paths: the rest is lost"]


def test_the_names_of_the_writer_are_taken(project):
    """Leftovers, or traps, with names such as its temporary files have."""
    project.write(
        text="import os\ndef test_it():\n"
        "    open('a', 'w').write('a')\n"
        "    for pid in range(1, 100): os.symlink('/etc/passwd', f'.tach-keep-{pid}-0')\n"
    )
    before = open("/etc/passwd").read()
    project.json()
    assert (project.path / "a").read_text() == "a" and open("/etc/passwd").read() == before


def test_the_writer_has_no_capabilities(project):
    """As root too, it may write what its user owns: a test cannot have it write to a read-only folder of others."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who has capabilities to lose")
    folder = project.path / "theirs"
    folder.mkdir(mode=0o755)
    (folder / "x").write_text("before")
    os.chown(folder, 1, 1)
    os.chown(folder / "x", 1, 1)
    project.write(
        text="import os\ndef test_it():\n"
        "    try: os.rename('theirs', 'moved'); os.mkdir('theirs'); open('theirs/x', 'w').write('after')\n"
        "    except OSError as e: print(e)\n"
        "    try: open('theirs/x', 'w').write('after')\n"
        "    except OSError as e: print(e)\n"
    )
    project.json()
    assert (folder / "x").read_text() == "before" and folder.stat().st_uid == 1


def test_what_a_background_process_writes_late(project):
    """A cell's processes are gone before its layer is read: nothing changes under the writer."""
    project.write(
        text="import os\n"
        "def test_it():\n"
        "    open('x', 'w').write('x' * 100)\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        while True:\n"
        "            os.unlink('x'); os.symlink('/etc/passwd', 'x'); os.unlink('x'); open('x', 'w').write('y' * 100)\n"
    )
    before = open("/etc/passwd").read()
    for _ in range(3):
        project.json()
        path = project.path / "x"
        assert not path.exists() or path.is_symlink() or path.read_text() in ("", "x" * 100, "y" * 100)
    assert open("/etc/passwd").read() == before


def test_snapshots_are_no_way_around(project, tmp_path):
    """A fixture can write into its own layer directly: no more than what it could do through its project."""
    (tmp_path / "outside").mkdir()
    project.write("data/keep.txt", "k")
    project.write(
        text="import os, pytest, stat\n"
        f"OUT = {str(tmp_path / 'outside')!r}\n"
        "@pytest.fixture(scope='module')\n"
        "def first(): yield\n"
        "@pytest.fixture(scope='module')\n"
        "def late(first):\n"
        "    found = []\n"
        "    for base, folders, _ in os.walk('/dev/.tach'):\n"
        "        found.append(base)\n"
        "        for name, what in (('link', lambda p: os.symlink(OUT, p)), ('fifo', os.mkfifo),\n"
        "                           ('dev', lambda p: os.mknod(p, stat.S_IFCHR | 0o666, os.makedev(1, 3)))):\n"
        "            try: what(os.path.join(base, name))\n"
        "            except OSError: pass\n"
        "    yield\n"
        "def test_a(first): pass\n"
        "def test_b(first): pass\n"
        "def test_c(late): open('c.txt', 'w').write('c')\n"
        "def test_d(late):\n"
        "    try: os.makedirs('link'); open('link/x', 'w').write('x')\n"
        "    except OSError: pass\n"
    )
    project.json("--workers=1")
    assert os.listdir(tmp_path / "outside") == []
    assert (project.path / "c.txt").read_text() == "c" and (project.path / "data/keep.txt").read_text() == "k"
    for name in ("fifo", "dev"):
        assert not (project.path / name).exists()
