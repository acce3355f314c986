"""More of Debian's plugins, each with a small suite that uses what it is there for: the same as under pytest."""

import pytest

MODES = pytest.mark.parametrize("isolated", [True, False], ids=["cells", "no-isolation"])

_DEPENDENT = """
import pytest
@pytest.mark.dependency()
def test_a(): assert 0
@pytest.mark.dependency()
def test_b(): pass
@pytest.mark.dependency(depends=["test_a"])
def test_c(): pass
class TestC:
    @pytest.mark.dependency(name="one")
    def test_one(self): pass
    @pytest.mark.dependency(depends=["one", "test_b"])
    def test_two(self): pass
"""
_OF_THE_SESSION = """
import pytest
@pytest.mark.dependency(depends=["test_it.py::test_b"], scope="session")
def test_x(): pass
@pytest.mark.dependency(depends=["test_it.py::test_a"], scope="session")
def test_y(): pass
"""
_HTTP = """
import urllib.request
def get(url): return urllib.request.urlopen(url).read()
"""
_VCR = """
interactions:
- request: {body: null, headers: {}, method: GET, uri: 'http://example.test/'}
  response: {body: {string: taped}, headers: {}, status: {code: 200, message: OK}}
version: 1
"""

#: name: (module, package, what else it imports, arguments, files)
PLUGINS = {
    "aiohttp": ("pytest_aiohttp", "python3-pytest-aiohttp", ["aiohttp", "pytest_asyncio"], ["--asyncio-mode=auto"], {
        "test_it": "from aiohttp import web\nasync def hello(request): return web.Response(text='hi')\n"
        "async def test_it(aiohttp_client):\n    app = web.Application(); app.router.add_get('/', hello)\n"
        "    client = await aiohttp_client(app)\n    assert await (await client.get('/')).text() == 'hi'\n"}),
    "click": ("pytest_click", "python3-pytest-click", ["click"], [], {
        "test_it": "import click\n@click.command()\ndef hi(): click.echo('hi')\n"
        "def test_it(cli_runner): assert cli_runner.invoke(hi).output == 'hi\\n'\n"}),
    "datadir": ("pytest_datadir", "python3-pytest-datadir", [], [], {
        "test_it": "def test_own(datadir): p = datadir / 'x.txt'; p.write_text(p.read_text() + '!'); print(p.read_text())\n"
        "def test_fresh(datadir, shared_datadir): print((datadir / 'x.txt').read_text(), (shared_datadir / 'y.txt').read_text())\n",
        "test_it/x.txt": "one", "data/y.txt": "two"}),
    "dependency": ("pytest_dependency", "python3-pytest-dependency", [], [], {"test_it": _DEPENDENT, "test_other": "def test_o(): pass\n"}),
    "dependency of the session": ("pytest_dependency", "python3-pytest-dependency", [], [], {"test_it": _DEPENDENT, "test_later": _OF_THE_SESSION}),
    "doctestplus": ("pytest_doctestplus", "python3-pytest-doctestplus", ["pkg_resources"], ["--doctest-plus"], {
        "lib": "def f():\n    '''\n    >>> 1.0 / 3  # doctest: +FLOAT_CMP\n    0.333333\n    >>> f()\n    3\n    '''\n"}),
    "flask": ("pytest_flask", "python3-pytest-flask", ["flask"], [], {
        "conftest": "import pytest, flask\n@pytest.fixture\ndef app():\n    app = flask.Flask('x')\n"
        "    @app.route('/')\n    def hi(): return {'hi': 1}\n    return app\n",
        "test_it": "def test_it(client): assert client.get('/').json == {'hi': 1}\ndef test_fail(client): assert client.get('/x').status_code == 200\n"}),
    "helpers-namespace": ("pytest_helpers_namespace", "python3-pytest-helpers-namespace", [], [], {
        "conftest":
        "import pytest\n@pytest.helpers.register\ndef double(x): return 2 * x\n",
        "test_it": "import pytest\ndef test_it(): assert pytest.helpers.double(2) == 4\n"}),
    "httpserver": ("pytest_httpserver", "python3-pytest-httpserver", ["werkzeug"], [], {
        "test_it": _HTTP + "def test_it(httpserver):\n    httpserver.expect_request('/a').respond_with_data('b')\n    assert get(httpserver.url_for('/a')) == b'b'\n"
        "def test_fresh(httpserver):\n    httpserver.expect_request('/c').respond_with_json({})\n    assert get(httpserver.url_for('/c')) == b'{}'\n"}),
    "instafail": ("pytest_instafail", "python3-pytest-instafail", [], ["--instafail"], {"test_it": "def test_a(): print('x'); assert 0\ndef test_b(): pass\n"}),
    "lazy-fixture": ("pytest_lazyfixture", "python3-pytest-lazy-fixture", [], [], {
        "test_it": "import pytest\nfrom pytest_lazyfixture import lazy_fixture\n@pytest.fixture\ndef one(): return 1\n"
        "@pytest.fixture(scope='module')\ndef two(): yield 2\n"
        "@pytest.mark.parametrize('x', [lazy_fixture('one'), lazy_fixture('two'), 3])\ndef test_it(x): assert x < 3\n"}),
    "localserver": ("pytest_localserver", "python3-pytest-localserver", ["werkzeug"], [], {
        "test_it": _HTTP + "def test_it(httpserver): httpserver.serve_content('hi'); assert get(httpserver.url) == b'hi'\n"
        "def test_fail(httpserver): httpserver.serve_content('hi'); assert get(httpserver.url) == b'ho'\n"}),
    "order": ("pytest_order", "python3-pytest-order", [], [], {
        "test_it": "import pytest\n@pytest.mark.order(2)\ndef test_b(): pass\n@pytest.mark.order(1)\ndef test_a(): assert 0\n"
        "@pytest.mark.order(after='test_b')\ndef test_c(): pass\n"}),
    "pyfakefs": ("pyfakefs", "python3-pyfakefs", [], [], {
        "test_it": "import os\ndef test_it(fs): fs.create_file('/a/b', contents='x'); assert os.listdir('/a') == ['b'] and open('/a/b').read() == 'x'\n"
        "def test_fail(fs): fs.create_file('/c'); assert os.listdir('/') == []\ndef test_real(): assert not os.path.exists('/a')\n",
        "test_wide": "import os\ndef test_one(fs_session): fs_session.create_file('/a/b'); assert os.path.exists('/a/b')\n"
        "def test_two(fs_session): assert 0, os.listdir('/')\n"}),
    "regressions": ("pytest_regressions", "python3-pytest-regressions", ["pytest_datadir", "yaml"], [], {
        "test_it": "def test_same(data_regression): data_regression.check({'a': 1})\ndef test_other(data_regression): data_regression.check({'a': 2})\n",
        "test_it/test_same.yml": "a: 1\n", "test_it/test_other.yml": "a: 1\n"}),
    "requests-mock": ("requests_mock", "python3-requests-mock", ["requests"], [], {
        "test_it": "import requests\ndef test_it(requests_mock): requests_mock.get('http://x/', text='y'); assert requests.get('http://x/').text == 'y'\n"
        "def test_fail(requests_mock): requests.get('http://z/')\n"}),
    "sourceorder": ("pytest_sourceorder", "python3-pytest-sourceorder", [], [], {
        "test_it": "import pytest_sourceorder\nclass Base:\n    def test_z(self): pass\n"
        "@pytest_sourceorder.ordered\nclass TestIt(Base):\n    def test_b(self): pass\n    def test_a(self): pass\n"}),
    "sugar": ("pytest_sugar", "python3-pytest-sugar", ["termcolor"], [], {"test_it": "def test_a(): print('x'); assert 0\ndef test_b(): pass\n"}),
    "tornado": ("pytest_tornado", "python3-pytest-tornado", ["tornado", "pkg_resources"], [], {
        "test_it": "import pytest, tornado.web\nclass Main(tornado.web.RequestHandler):\n    def get(self): self.write('hi')\n"
        "@pytest.fixture\ndef app(): return tornado.web.Application([('/', Main)])\n"
        "@pytest.mark.gen_test\ndef test_it(http_client, base_url):\n    response = yield http_client.fetch(base_url)\n    assert response.body == b'hi'\n"}),
    "vcr": ("pytest_vcr", "python3-pytest-vcr", ["vcr"], ["--vcr-record=none"], {
        "test_it": "import pytest\n" + _HTTP + "@pytest.mark.vcr()\ndef test_taped(): assert get('http://example.test/') == b'taped'\n",
        "cassettes/test_taped.yaml": _VCR}),
    "xprocess": ("xprocess", "python3-pytest-xprocess", ["psutil", "py"], [], {
        "test_it": "import sys, pytest\nfrom xprocess import ProcessStarter\n"
        "@pytest.fixture\ndef server(xprocess):\n    class Starter(ProcessStarter):\n        pattern = 'ready'\n"
        "        args = [sys.executable, '-uc', 'print(\"ready\"); import time; time.sleep(60)']\n"
        "    pid, log = xprocess.ensure('server', Starter)\n    yield pid\n    xprocess.getinfo('server').terminate()\n"
        "def test_it(server): assert server > 1\n"}),
}  # fmt: skip


@MODES
@pytest.mark.parametrize("name", PLUGINS)
def test_plugin(plugin, name, isolated):
    module, package, needs, args, files = PLUGINS[name]
    plugin.use(module, package)
    for need in needs:
        plugin.use(need, f"python3-{need.replace('_', '-')}")
    for path, text in files.items():
        place = plugin.folder / (path if "." in path else f"{path}.py")
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    options = ["-p", "cacheprovider"] if name == "xprocess" else []
    plugin.same(*args, *options, isolated=isolated)


@MODES
def test_steps_of_a_class(plugin, isolated):
    """What pytest's documentation calls incremental testing: hooks that ask how the test before has ended."""
    plugin.write(conftest="import pytest\ndef pytest_runtest_makereport(item, call):\n"
        "    if 'incremental' in item.keywords and call.excinfo is not None: item.parent.failed = item\n"
        "def pytest_runtest_setup(item):\n    failed = getattr(item.parent, 'failed', None)\n"
        "    if 'incremental' in item.keywords and failed: pytest.xfail(f'previous test failed ({failed.name})')\n",
        test_it="import pytest\n@pytest.mark.incremental\nclass TestSteps:\n"
        "    def test_a(self): pass\n    def test_b(self): assert 0\n    def test_c(self): pass\n"
        "def test_other(): pass\n")  # fmt: skip
    run = plugin.same(isolated=isolated)
    assert run.counts["xfailed"] == 1


@MODES
def test_benchmark(plugin, isolated):
    """It measures; how often it calls what it measures is no two times the same."""
    plugin.use("pytest_benchmark", "python3-pytest-benchmark")
    plugin.use("cpuinfo", "python3-cpuinfo")
    plugin.write(test_it="def test_it(benchmark): assert benchmark(lambda: 3) == 3\ndef test_fail(benchmark): assert benchmark(lambda: 3) == 4\n")
    plugin.same(isolated=isolated)
