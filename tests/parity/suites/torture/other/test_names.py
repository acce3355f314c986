def test_no_package(parcel, shared):
    print(parcel, shared)


def test_world(world, parcel):
    print(world, parcel)
