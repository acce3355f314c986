def test_generated(generated):
    assert generated


def test_slow():
    pass


def test_odd():
    pass


def test_compared():
    assert 1 == 2


def test_options(request):
    assert request.config.getini("mood") == "grim"
    print(request.config.getoption("--shout"), request.node.user_properties[0])
