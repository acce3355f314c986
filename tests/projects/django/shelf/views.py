from django.core import mail
from django.db import transaction
from django.http import JsonResponse

from shelf.models import Author, Book


def books(request):
    return JsonResponse({"titles": sorted(Book.objects.values_list("title", flat=True))})


def lend(request):
    with transaction.atomic():
        author, _ = Author.objects.get_or_create(name=request.GET["author"])
        Book.objects.create(title=request.GET["title"], author=author)
    mail.send_mail("lent", request.GET["title"], "library@example.org", ["reader@example.org"])
    return JsonResponse({})
