"""What only pytest runs: functions."""

import pytest
from django.core import mail
from django.db import IntegrityError, connection, transaction

from shelf.models import Author, Book

pytestmark = pytest.mark.django_db


@pytest.fixture
def author():
    author = Author.objects.create(name="Lem")
    yield author
    assert Author.objects.filter(name="Lem").exists()


@pytest.mark.parametrize("number", range(3))
def test_rolled_back(author, number):
    assert connection.in_atomic_block
    assert list(Author.objects.values_list("name", flat=True)) == ["Anonymous", "Lem"]
    with transaction.atomic():
        Book.objects.create(title=str(number), author=author)
    assert Book.objects.get().title == str(number)


def test_inner_block_comes_first():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Author.objects.create(name="Lem")
        1 / 0
    with transaction.atomic(durable=True):
        Author.objects.create(name="Lem")


def test_durable_block_comes_first():
    with transaction.atomic(durable=True):
        Author.objects.create(name="Lem")
    assert Author.objects.count() == 2


def test_on_commit_comes_first():
    transaction.on_commit(lambda: 1 / 0)
    assert connection.in_atomic_block


def test_closed_connection():
    Author.objects.create(name="Lem")
    connection.close()


def test_nothing_left():
    assert Author.objects.count() == 1 and Book.objects.count() == 0


def test_client_and_mail(client, mailoutbox):
    client.get("/lend/", {"title": "Eden", "author": "Lem"})
    assert client.get("/books/").json() == {"titles": ["Eden"]}
    assert [letter.body for letter in mailoutbox] == ["Eden"]


def test_no_mail():
    assert mail.outbox == []


def test_violation():
    Book.objects.create(title="x", author_id=99)


def test_broken_transaction():
    with pytest.raises(IntegrityError):
        Author.objects.create(name="Anonymous")


@pytest.mark.django_db(transaction=True)
def test_commits():
    assert not connection.in_atomic_block
    done = []
    with transaction.atomic():
        Author.objects.create(name="Committed")
        transaction.on_commit(lambda: done.append(1))
    assert done == [1]


def test_wrong():
    assert Author.objects.count() == 2
