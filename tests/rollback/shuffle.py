"""A plugin: the tests in an order that the variable SHUFFLE chooses; 0: as they are."""

import os
import random


def pytest_collection_modifyitems(items):
    seed = int(os.environ["SHUFFLE"])
    if seed:
        random.Random(seed).shuffle(items)
