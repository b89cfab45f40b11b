"""The one address, with the endpoint's id in it, as dj-stripe has it."""

from django.urls import include, path

urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
