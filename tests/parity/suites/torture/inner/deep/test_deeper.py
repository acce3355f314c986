def test_same_package(deep_package, base):
    print(deep_package, base)


def test_plain(shared):
    print(shared)
