-- The ledger: every change of a wallet is one call of one of these functions.
--
-- Each function locks the wallet first and its grants after it, by id. It reads grants only in a statement
-- of its own after the lock is held, so that it never allocates from a stale snapshot.
-- A key that was used before returns the first result, or raises CP409 where the content differs.

-- Add coins that came together. new_grants: [{"kind", "coins", "amount_minor", "currency"}, …].
-- Returns the ledger row, and whether this call made it.
CREATE OR REPLACE FUNCTION coinpurse.credit(
    wallet_of       text,
    key             text,
    content_digest  bytea,
    row_type        text,
    row_description text,
    coin_source     text,
    new_grants      jsonb,
    paid_minor      bigint DEFAULT NULL,
    paid_currency   text DEFAULT NULL,
    of_payment      uuid DEFAULT NULL,
    of_session      text DEFAULT NULL
) RETURNS TABLE (created boolean, posted coinpurse.transactions)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
    ids    bigint[];
    sizes  bigint[];
    total  bigint;
BEGIN
    INSERT INTO wallets (user_id) VALUES (wallet_of) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT wallet FROM wallets WHERE user_id = wallet_of FOR NO KEY UPDATE;

    SELECT * INTO posted FROM transactions WHERE user_id = wallet_of AND idempotency_key = key;
    IF FOUND THEN
        IF posted.digest <> content_digest THEN
            RAISE EXCEPTION 'the idempotency key was used before with other content' USING ERRCODE = 'CP409';
        END IF;
        created := false;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT array_agg(nextval(pg_get_serial_sequence('coinpurse.grants', 'id')) ORDER BY place),
           array_agg((given ->> 'coins')::bigint ORDER BY place),
           sum((given ->> 'coins')::bigint)
      INTO ids, sizes, total
      FROM jsonb_array_elements(new_grants) WITH ORDINALITY AS listed (given, place);

    UPDATE wallets SET balance = balance + total, updated_at = now()
     WHERE user_id = wallet_of RETURNING * INTO wallet;
    INSERT INTO transactions (user_id, type, coins, balance_after, amount_minor, currency, payment_id, session_id,
                              description, idempotency_key, digest, grant_ids, grant_coins)
    VALUES (wallet_of, row_type, total, wallet.balance, paid_minor, paid_currency, of_payment, of_session,
            row_description, key, content_digest, ids, sizes)
    RETURNING * INTO posted;
    INSERT INTO grants (id, user_id, kind, source, coins, remaining, amount_minor, currency, payment_id,
                        transaction_id)
    SELECT ids[place], wallet_of, given ->> 'kind', coin_source, sizes[place], sizes[place],
           (given ->> 'amount_minor')::bigint, given ->> 'currency', of_payment, posted.id
      FROM jsonb_array_elements(new_grants) WITH ORDINALITY AS listed (given, place);
    created := true;
    RETURN NEXT;
END $$;
