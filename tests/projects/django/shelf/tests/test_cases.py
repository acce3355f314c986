"""What both Django's runner and pytest run."""

import urllib.request

from asgiref.sync import sync_to_async
from django.core import mail
from django.db import IntegrityError, connection, transaction
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase

from shelf.models import Author, Book


class BookCase(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.author = Author.objects.create(name="Lem")
        cls.book = Book.objects.create(title="Solaris", author=cls.author)

    def test_data(self):
        self.assertEqual(Book.objects.get(), self.book)
        self.book.title = "changed"
        self.book.save()
        self.author.delete()

    def test_data_again(self):
        self.assertEqual(Book.objects.get().title, "Solaris")
        self.assertEqual(self.book.title, "Solaris")

    def test_migrated(self):
        self.assertEqual(Author.objects.exclude(name="Lem").get().name, "Anonymous")

    def test_client_and_mail(self):
        self.client.get("/lend/", {"title": "Eden", "author": "Lem"})
        self.assertEqual(self.client.get("/books/").json(), {"titles": ["Eden", "Solaris"]})
        self.assertEqual([letter.body for letter in mail.outbox], ["Eden"])

    def test_no_mail(self):
        self.assertEqual(mail.outbox, [])

    def test_constraint(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Author.objects.create(name="Lem")
        self.assertEqual(Author.objects.count(), 2)

    async def test_async(self):
        await sync_to_async(Author.objects.create)(name="Async")
        self.assertEqual(await sync_to_async(Author.objects.count)(), 3)

    def test_queries(self):
        with self.assertNumQueries(1):
            list(Book.objects.all())

    def test_wrong(self):
        self.assertEqual(Book.objects.count(), 2)


class OtherCase(TestCase):
    def test_nothing_left(self):
        self.assertEqual(list(Author.objects.values_list("name", flat=True)), ["Anonymous"])
        self.assertEqual(Book.objects.count(), 0)

    def test_violation(self):
        Book.objects.create(title="x", author_id=99)


class NoDatabase(SimpleTestCase):
    def test_forbidden(self):
        Author.objects.count()

    def test_allowed(self):
        self.assertEqual(1, 1)


class Committing(TransactionTestCase):
    serialized_rollback = True

    def test_commits(self):
        self.assertFalse(connection.in_atomic_block)
        done = []
        with transaction.atomic():
            Author.objects.create(name="Committed")
            transaction.on_commit(lambda: done.append(1))
        self.assertEqual(done, [1])

    def test_flushed(self):
        self.assertEqual(list(Author.objects.values_list("name", flat=True)), ["Anonymous"])


class Live(LiveServerTestCase):
    serialized_rollback = True

    def test_served(self):
        Book.objects.create(title="Fiasco", author=Author.objects.get())
        with urllib.request.urlopen(self.live_server_url + "/books/") as answer:
            self.assertEqual(answer.read(), b'{"titles": ["Fiasco"]}')

    def test_served_anew(self):
        with urllib.request.urlopen(self.live_server_url + "/books/") as answer:
            self.assertEqual(answer.read(), b'{"titles": []}')
