"""DATABASE chooses: memory (the default), file, postgresql (HOST, PORT)."""

import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parents[1]
SECRET_KEY = "not secret"
USE_TZ = True
ROOT_URLCONF = "library.urls"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.staticfiles", "shelf"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware"]
STATIC_URL = "/static/"
ALLOWED_HOSTS = ["localhost"]
DATABASE = os.environ.get("DATABASE", "memory")
if DATABASE == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "library",
            "USER": "tach",
            "HOST": os.environ["HOST"],
            "PORT": os.environ["PORT"],
        }
    }
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(HERE / "library.sqlite3")}}
    if DATABASE == "file":
        DATABASES["default"]["TEST"] = {"NAME": str(HERE / "test.sqlite3")}
