"""`coinpurse webhook`: our endpoint at Stripe, without the Dashboard."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import click

from coinpurse import logs, registration
from coinpurse.cli import output
from coinpurse.errors import ConfigurationError
from coinpurse.ports import WebhookEndpoint
from coinpurse.registration import Step
from coinpurse.settings import Settings
from coinpurse.stripe_gateway import SetUp

DONE = {"create": "Registered", "update": "Changed", "delete": "Removed"}
PLANNED = {"create": "Would register", "update": "Would change", "delete": "Would remove"}
FILE_IS_SECOND = (
    "But STRIPE_WEBHOOK_SECRET is also set in the environment, which comes before the file:"
    " change it there."
)

at_url = click.option(
    "--url",
    help="Where Stripe reaches the store: its origin, or the endpoint's whole address."
    " COINPURSE_BASE_URL by default.",
)
write_env = click.option(
    "--write-env",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the secret in this file (.env) instead of printing it.",
)
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done. Exits 1 if any.")


@click.group(cls=output.Group)
def webhook() -> None:
    """The address that Stripe delivers its events to."""


@webhook.command()
@at_url
@write_env
@dry_run
def setup(url: str | None, write_env: Path | None, dry_run: bool) -> None:
    """Register our endpoint at Stripe, or bring it up to date. Safe to repeat.

    It gets exactly the types of events that we handle. The secret that signs them is shown once, when the endpoint is
    made: that is how Stripe has it.
    """
    settings, stripe = _stripe()
    address = _reachable(url, settings)
    found = stripe.list_webhook_endpoints()
    steps = registration.plan_setup(found, address, stripe.api_version)
    _carry_out(stripe, steps, write_env=write_env, dry_run=dry_run)
    if not steps:
        click.echo(f"The endpoint for {address} is right; nothing to change.")
        if settings.stripe_webhook_secret is None and not settings.demo:
            click.echo(
                "STRIPE_WEBHOOK_SECRET is not set here. If its secret is lost: `coinpurse webhook rotate`.",
                err=True,
            )
    elif steps[0].act == "update":
        click.echo("Its secret stays the same.")
    _tell_of_versions(found, address, stripe.api_version)


@webhook.command()
@at_url
@write_env
@dry_run
@click.option("--finish", is_flag=True, help="End it: remove the endpoint with the old secret.")
@click.option("--force", is_flag=True, help="With --finish: do not try the new secret first.")
def rotate(
    url: str | None, write_env: Path | None, dry_run: bool, finish: bool, force: bool
) -> None:
    """Change the secret that signs events, without losing one.

    Registers a second endpoint with a secret of its own beside the old one, and both deliver. Restart the store with
    both secrets, then end it with --finish. It also moves the endpoint to our API version.
    """
    settings, stripe = _stripe()
    address = _reachable(url, settings)
    found = stripe.list_webhook_endpoints()
    if not finish:
        steps = registration.plan_rotation(found, address)
        _carry_out(stripe, steps, write_env=write_env, dry_run=dry_run)
        click.echo(
            "Now: 1. Put the new secret before the old one in STRIPE_WEBHOOK_SECRET, with a comma between them"
            " (--write-env does it). 2. Restart the server and the worker. 3. `coinpurse webhook rotate --finish`.",
            err=True,
        )
        return
    steps = registration.plan_finish(found, address)
    if not steps:
        click.echo("No rotation is under way; nothing to remove.")
        return
    if not force:
        _require_new_secret(settings, stripe, address)
    if write_env is not None:
        registration.require_writable(write_env)
    _carry_out(stripe, steps, write_env=None, dry_run=dry_run)
    if write_env is not None and not dry_run:
        registration.rolled_secrets(write_env)
        click.echo(f"{write_env} has the new secret alone; restart the server and the worker.")
    elif not dry_run:
        click.echo("The old secret may leave STRIPE_WEBHOOK_SECRET now.")


@webhook.command("list")
@at_url
@output.as_json
def list_(url: str | None, as_json: bool) -> None:
    """List the endpoints of the Stripe account, and what is wrong with ours."""
    settings, stripe = _stripe()
    address = registration.endpoint_url(url or settings.base_url)
    rows: list[dict[str, object]] = [
        {
            "id": endpoint.id,
            "url": endpoint.url,
            "status": "enabled" if endpoint.enabled else "disabled",
            "event_types": list(endpoint.event_types) if as_json else len(endpoint.event_types),
            "api_version": endpoint.api_version,
            "created_at": endpoint.created_at,
            "ours": registration.is_ours(endpoint, address),
            "problems": _problems(endpoint, address, stripe.api_version, as_json=as_json),
        }
        for endpoint in stripe.list_webhook_endpoints()
    ]
    output.print_rows(rows, as_json=as_json, empty="No endpoints.")


@webhook.command()
@click.argument("endpoint_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(endpoint_id: str, yes: bool) -> None:
    """Remove an endpoint at Stripe, named by its id. Nothing is delivered to it any more."""
    _, stripe = _stripe()
    known = {endpoint.id: endpoint for endpoint in stripe.list_webhook_endpoints()}
    if endpoint_id not in known:
        raise ConfigurationError(
            f"There is no endpoint {endpoint_id}; see `coinpurse webhook list`."
        )
    if not yes:
        click.confirm(f"Stop all deliveries to {known[endpoint_id].url}?", abort=True)
    stripe.delete_webhook_endpoint(endpoint_id)
    click.echo(f"Removed {endpoint_id}.")


def _stripe() -> tuple[Settings, SetUp]:
    """Return the settings and Stripe. Neither a webhook secret nor a database is needed for it."""
    logs.configure("WARNING")
    settings = Settings()
    return settings, SetUp(settings.require_stripe_key(), api_base=settings.api_base)


def _reachable(url: str | None, settings: Settings) -> str:
    address = registration.endpoint_url(url or settings.base_url)
    registration.require_reachable(address, settings)
    return address


def _carry_out(
    stripe: SetUp, steps: Sequence[Step], *, write_env: Path | None, dry_run: bool
) -> None:
    """Do the steps and tell of them; in a dry run tell only, and exit with 1 if there are any."""
    if dry_run:
        for step in steps:
            click.echo(_sentence(PLANNED[step.act], step, step.endpoint_id))
        if steps:
            raise SystemExit(output.FOUND_SOMETHING)
    if write_env is not None:
        registration.require_writable(write_env)
    for step in steps:
        changed = registration.carry_out(stripe, [step])
        # Before a word is said, which may fail: whoever listened may have gone.
        kept = [_keep(each.secret, write_env) for each in changed if each.secret is not None]
        click.echo(_sentence(DONE[step.act], step, changed[0].id if changed else step.endpoint_id))
        for said, err in itertools.chain(*kept):
            click.echo(said, err=err)


def _sentence(said: str, step: Step, endpoint_id: str | None) -> str:
    name = f" {endpoint_id}" if endpoint_id else ""
    return f"{said}{name} for {step.url}: {'; '.join(step.reasons)}."


def _keep(secret: str, path: Path | None) -> list[tuple[str, bool]]:
    """Write the secret into the file, and return what is to be said, each with whether as an error.

    Where there is no file, or writing fails, it is said: nobody can show it again.
    """
    shown = (f"STRIPE_WEBHOOK_SECRET={secret}", False)
    if path is None:
        return [shown, ("Keep it now: Stripe shows it only this once.", True)]
    try:
        count = registration.prepend_secret(path, secret)
    except ConfigurationError as error:
        return [shown, (f"{error} Keep the secret now: Stripe shows it only this once.", True)]
    also = f", before {count - 1} older" if count > 1 else ""
    said = [(f"Its secret is in {path}{also}. Restart the server and the worker.", False)]
    if os.environ.get("STRIPE_WEBHOOK_SECRET"):
        said.append((FILE_IS_SECOND, True))
    return said


def _require_new_secret(settings: Settings, stripe: SetUp, url: str) -> None:
    """Raise ConfigurationError unless the running store takes what the newest secret signs."""
    newest = settings.require_webhook_secrets()[0]
    answer = registration.knock(stripe, url, newest, livemode=settings.livemode)
    if not answer.accepted:
        said = (
            f"answered {answer.status} to an event that the first secret of STRIPE_WEBHOOK_SECRET signed"
            if answer.status
            else f"could not be reached ({answer.problem}), so the new secret was not tried"
        )
        raise ConfigurationError(
            f"{url} {said}. Put the new secret first in the list, restart the server, and try again; --force goes"
            " on without this."
        )


def _problems(
    endpoint: WebhookEndpoint, url: str, api_version: str, *, as_json: bool
) -> list[str] | str:
    found = registration.problems_of(endpoint, api_version)
    problems = list(found) if registration.is_ours(endpoint, url) else []
    return problems if as_json else "; ".join(problems)


def _tell_of_versions(found: Sequence[WebhookEndpoint], url: str, api_version: str) -> None:
    """Say what setup cannot mend, and exit with 1 then."""
    others = [
        endpoint
        for endpoint in found
        if registration.is_ours(endpoint, url) and endpoint.api_version not in (None, api_version)
    ]
    for endpoint in others:
        click.echo(
            f"{endpoint.id} speaks API version {endpoint.api_version}, and ours is {api_version}. An endpoint keeps"
            " its version: `coinpurse webhook rotate` makes one with ours.",
            err=True,
        )
    if others:
        raise SystemExit(output.FOUND_SOMETHING)
