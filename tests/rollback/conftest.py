import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
collect_ignore = ["suite"]
from running import suite  # noqa: E402, F401
