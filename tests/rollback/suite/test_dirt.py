"""Each kind of dirt is left by one test and looked for by the next three; then all are looked for at once."""

import dirt

#: To look for it leaves dirt; or it is seen by other processes too.
LOUD = {"listener_left", "file_read"}


def see(kinds):
    return [kind for kind in kinds if dirt.LOOK[kind]()]


def pytest_generate_tests(metafunc):
    steps = [(kind, step) for kind in dirt.LEAVE for step in range(4)]
    metafunc.parametrize("kind, step", steps, ids=[f"{kind}-{'look' + str(step) if step else 'leave'}" for kind, step in steps])


def test_dirt(kind, step):
    if step == 0:
        dirt.LEAVE[kind]()
    elif step == 3:
        assert see(set(dirt.LOOK) - LOUD) == []
    else:
        assert not dirt.LOOK[kind]()
