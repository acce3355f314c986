import django.db.models.deletion
from django.db import migrations, models


def add_anonymous(apps, schema_editor):
    apps.get_model("shelf", "Author").objects.create(name="Anonymous")


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Author",
            [
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=50, unique=True)),
            ],
        ),
        migrations.CreateModel(
            "Book",
            [
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=50)),
                ("author", models.ForeignKey("shelf.Author", on_delete=django.db.models.deletion.CASCADE)),
            ],
        ),
        migrations.RunPython(add_anonymous),
    ]
