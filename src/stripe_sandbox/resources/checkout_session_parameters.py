"""What POST /v1/checkout/sessions takes."""

from __future__ import annotations

from stripe_sandbox.api.parameters import (
    SHIPPING,
    Accepted,
    Amount,
    Boolean,
    Choice,
    Integer,
    ListOf,
    Metadata,
    NotModelled,
    Parameters,
    Shape,
    Text,
)
from stripe_sandbox.resources.prices import PRODUCT_DATA, TAX_BEHAVIOR

LOCALES = (
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr",
    "fr-CA", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt",
    "pt-BR", "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
)  # fmt: skip
OFF = Shape({"enabled": Boolean(), "liability": Accepted()})
PRICE_DATA = Shape(
    {
        "currency": Text(),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "recurring": NotModelled("subscriptions"),
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": Integer(),
        "unit_amount_decimal": Amount(),
    },
    ("currency",),
)
LINE_ITEM = Shape(
    {
        "adjustable_quantity": Shape(
            {"enabled": Boolean(), "maximum": Integer(), "minimum": Integer()}, ("enabled",)
        ),
        "dynamic_tax_rates": Accepted(),
        "metadata": Metadata(),
        "price": Text(),
        "price_data": PRICE_DATA,
        "quantity": Integer(),
        "tax_rates": NotModelled("tax rates"),
    }
)
PAYMENT_INTENT_DATA = Shape(
    {
        "application_fee_amount": NotModelled("Connect"),
        "capture_method": Choice(("automatic", "automatic_async", "manual")),
        "description": Text(1000),
        "metadata": Metadata(),
        "on_behalf_of": NotModelled("Connect"),
        "receipt_email": Text(),
        "setup_future_usage": Choice(("off_session", "on_session")),
        "shipping": SHIPPING,
        "statement_descriptor": Text(22),
        "statement_descriptor_suffix": Text(22),
        "transfer_data": NotModelled("Connect"),
        "transfer_group": Text(),
    }
)
CREATE = Parameters(
    {
        "adaptive_pricing": OFF,
        "after_expiration": Shape(
            {
                "recovery": Shape(
                    {"enabled": Boolean(), "allow_promotion_codes": Boolean()}, ("enabled",)
                )
            }
        ),
        "allow_promotion_codes": Boolean(),
        "allowed_payment_method_types": ListOf(Text()),
        "automatic_tax": OFF,
        "billing_address_collection": Choice(("auto", "required")),
        "branding_settings": Accepted(),
        "cancel_url": Text(),
        "client_reference_id": Text(200),
        "consent_collection": Accepted(),
        "currency": Text(),
        "custom_fields": Accepted(),
        "custom_text": Accepted(),
        "customer": Text(),
        "customer_account": NotModelled("customer accounts"),
        "customer_creation": Choice(("always", "if_required")),
        "customer_email": Text(800),
        "customer_update": Accepted(),
        "discounts": NotModelled("discounts"),
        "excluded_payment_method_types": ListOf(Text()),
        "expires_at": Integer(),
        "integration_identifier": Text(),
        "invoice_creation": OFF,
        "line_items": ListOf(LINE_ITEM),
        "locale": Choice(LOCALES),
        "managed_payments": OFF,
        "metadata": Metadata(),
        "mode": Choice(("payment", "setup", "subscription")),
        "name_collection": Accepted(),
        "optional_items": NotModelled("optional items"),
        "origin_context": Choice(("mobile_app", "web")),
        "payment_intent_data": PAYMENT_INTENT_DATA,
        "payment_method_collection": Choice(("always", "if_required")),
        "payment_method_configuration": Text(),
        "payment_method_data": Accepted(),
        "payment_method_options": Accepted(),
        "payment_method_types": ListOf(Text()),
        "permissions": Accepted(),
        "phone_number_collection": Shape({"enabled": Boolean()}, ("enabled",)),
        "redirect_on_completion": Choice(("always", "if_required", "never")),
        "return_url": Text(),
        "saved_payment_method_options": Accepted(),
        "setup_intent_data": NotModelled("setup mode"),
        "shipping_address_collection": NotModelled("shipping"),
        "shipping_options": NotModelled("shipping"),
        "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
        "subscription_data": NotModelled("subscriptions"),
        "success_url": Text(),
        "tax_id_collection": OFF,
        "ui_mode": Choice(("elements", "embedded_page", "form", "hosted_page")),
        "wallet_options": Accepted(),
    }
)
