def test_thing(thing, shared, parcel):
    print(thing, shared, parcel)


def test_again(thing, shared):
    print(thing, shared)


def test_own_name(shared, late_package):
    print(shared, late_package)


def test_late(late_package, lazy):
    print(late_package, lazy)
