"""Django's settings: what taking webhooks needs and no more; what could be spared is spared."""

import os

from psycopg.conninfo import conninfo_to_dict

_database = conninfo_to_dict(os.environ["DATABASE_URL"])

SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "djstripe",
    "benchmarks.djstripe_host.shop",
]
# It sets Content-Length, which keeps connections open.
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "benchmarks.djstripe_host.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database["dbname"],
        "USER": _database.get("user", ""),
        "PASSWORD": _database.get("password", ""),
        "HOST": _database.get("host", ""),
        "PORT": _database.get("port", ""),
        # Each thread keeps its connection.
        "CONN_MAX_AGE": None,
    }
}

STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = os.environ["STRIPE_SECRET_KEY"]
STRIPE_API_HOST = os.environ["STRIPE_API_BASE"]
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
# It warns of STRIPE_API_HOST, which is meant here.
SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]
