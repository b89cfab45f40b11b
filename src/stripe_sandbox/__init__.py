"""A stateful stand-in for the part of Stripe that a coin store uses.

From the outside in:

    cli.py, server.py, app.py   the process, its HTTP server, the Flask application
    api/                        Stripe's envelope: keys, versions, forms, errors, repeats, pages
    resources/                  one module per resource: its routes, parameters and handlers
    control.py, control_payments.py   the control API under /_sandbox/
    hosted_checkout.py          what the hosted payment page (pages/) may ask and do
    flows/                      what happens when money moves: states, events, timers
    objects/                    the full shape of each of Stripe's objects
    events.py, deliveries.py    events written with their change; webhooks with retries
    listeners.py                the web socket of `stripe listen`
    world.py, unit_of_work.py   all state and one transaction on it
    store.py, clock.py, faults.py, ticker.py

The tables to extend: test_cards.py, bank_accounts.py, payment_method_types.py,
currencies.py, event_types.py, flows/timers.py, flows/aftermath.py.

Direction: resources, control, hosted_checkout -> flows -> objects, events -> store.
"""
