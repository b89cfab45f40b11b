"""Who has how many coins, and what was bought."""

from django.db import models


class Buyer(models.Model):
    """Somebody with coins."""

    coins = models.BigIntegerField(default=0)


class Payment(models.Model):
    """One checkout session."""

    session_id = models.CharField(max_length=255, unique=True)
    buyer = models.ForeignKey(Buyer, on_delete=models.PROTECT)
    coins = models.BigIntegerField()
    status = models.CharField(max_length=20, default="pending")
    completed_at = models.DateTimeField(null=True)
