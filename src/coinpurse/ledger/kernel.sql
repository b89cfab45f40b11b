-- The ledger: every change of a wallet is one call of one of these functions, and posts one row.
--
-- Each function locks the wallet first; every other row of the wallet is changed under that lock alone. It
-- reads grants only in statements of its own after the lock is held: a statement that waits for a lock keeps
-- the snapshot from before it, and would allocate from stale rows.
--
-- A refusal is a returned outcome, not an error: the caller's transaction goes on.
--   posted         the row is new
--   unchanged      there was nothing to do; `posted` is a row of nulls
--   repeated       the key was used for this before; `posted` is the first row
--   conflict       the key was used before, for something else
--   insufficient   `available` coins are fewer than `needed`
--   no_wallet, no_hold, no_transaction    there is none
--   blocked        the wallet may not spend
--   resolved       the hold was captured, voided or timed out before
--   busy           somebody else has the wallet locked, and the caller did not want to wait
--   broken         the grants have fewer coins than the balance says
--   too_much       more than was held, than is left to reverse, or than the wallet can take (`available`)
--
-- The time is the clock's, read after the lock is held: a host's transaction may have begun long ago. A clock that
-- goes backwards delays an expiry and does nothing worse.

-- ---------------------------------------------------------------------------------------------------------
-- What PostgreSQL itself refuses, whoever writes.

-- A row continues its wallet's chain, in the order of ids and never back in time. Whoever inserts rows by hand locks
-- the wallet first, as the functions do: of two that were inserted at once neither would see the other.
CREATE OR REPLACE FUNCTION coinpurse.continue_chain() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    last_id bigint;
    before  bigint;
    last_at timestamptz;
BEGIN
    SELECT id, balance_after, created_at INTO last_id, before, last_at FROM coinpurse.transactions
     WHERE user_id = NEW.user_id ORDER BY id DESC LIMIT 1;
    IF NEW.balance_after IS DISTINCT FROM coalesce(before, 0) + NEW.coins OR NEW.id <= last_id THEN
        RAISE EXCEPTION 'coinpurse.transactions: row % of % with balance_after % does not continue its chain (% %)',
            NEW.id, NEW.user_id, NEW.balance_after, coalesce(before, 0), NEW.coins USING ERRCODE = 'CP500';
    END IF;
    IF NEW.created_at < last_at THEN
        NEW.created_at := last_at;
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER transactions_chain BEFORE INSERT ON coinpurse.transactions
    FOR EACH ROW EXECUTE FUNCTION coinpurse.continue_chain();

-- ---------------------------------------------------------------------------------------------------------
-- Inner functions: the wallet is locked.

-- What can be spent: coins that are neither held nor frozen, less the debt.
CREATE OR REPLACE FUNCTION coinpurse.available(wallet coinpurse.wallets) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT wallet.balance - wallet.held - wallet.frozen $$;

-- The most that a wallet may have, which JSON carries exactly: 2^53 - 1. Only what a claim gives back may exceed it.
CREATE OR REPLACE FUNCTION coinpurse.fullest() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 9007199254740991 $$;

-- Choose coins to use in the order of spending: soonest to expire, then by rank, then oldest.
-- Returns the grants and what to take of each, together `amount`, or nulls where the grants lack coins that the balance
-- has: the books are broken then, and the wallet is left alone.
CREATE OR REPLACE FUNCTION coinpurse.allocate(wallet_of text, amount bigint, OUT ids bigint[], OUT takes bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    owed  bigint := amount;
    given record;
BEGIN
    FOR given IN
        SELECT id, least(remaining - held - frozen, owed) AS free FROM coinpurse.grants
         WHERE user_id = wallet_of AND NOT exhausted AND remaining - held - frozen > 0
         ORDER BY expires_at, rank, id
    LOOP
        ids := ids || given.id;
        takes := takes || least(given.free, owed);
        owed := owed - least(given.free, owed);
        EXIT WHEN owed = 0;
    END LOOP;
    IF owed <> 0 THEN
        ids := NULL;
    END IF;
END $$;

-- Note when the wallet next has a grant to expire or a hold to time out.
CREATE OR REPLACE FUNCTION coinpurse.plan_next(wallet_of text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, coinpurse AS $$
    UPDATE coinpurse.wallets SET next_due_at = least(
        (SELECT coalesce(min(expires_at), 'infinity') FROM coinpurse.grants
          WHERE user_id = wallet_of AND NOT exhausted AND remaining > held + frozen),
        (SELECT coalesce(min(expires_at), 'infinity') FROM coinpurse.holds
          WHERE user_id = wallet_of AND state = 'open'))
     WHERE user_id = wallet_of
$$;

-- Bring a payment's grants to what its claim asks for, paid coins before bonus, and post the difference. Coins that
-- are held wait until they are let go. Those that expired are gone already, and nobody owes them.
-- Returns a row of nulls where nothing changed.
CREATE OR REPLACE FUNCTION coinpurse.follow_claim(claimed coinpurse.claims) RETURNS coinpurse.transactions
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    posted    coinpurse.transactions;
    wallet    coinpurse.wallets;
    given     coinpurse.grants;
    to_take   bigint := claimed.taking;
    to_freeze bigint := claimed.freezing;
    lapsed    bigint := 0;
    part      bigint;
    frost     bigint;
    ids       bigint[] := '{}';
    moves     bigint[] := '{}';
    moved     bigint := 0;
    thawed    bigint := 0;
    missing   bigint;
    forgave   bigint := 0;
    owes      bigint := 0;
    repaid    bigint := 0;
    touched   boolean := false;
    blocked_before boolean := claimed.blocks;
BEGIN
    FOR given IN
        SELECT * FROM coinpurse.grants
         WHERE payment_id = claimed.payment_id AND user_id = claimed.user_id ORDER BY kind DESC, id
    LOOP
        part := least(to_take, given.remaining - given.held + given.taken);
        frost := least(to_freeze, given.remaining - given.held + given.taken - part);
        to_take := to_take - part;
        to_freeze := to_freeze - frost;
        lapsed := lapsed + given.expired;
        CONTINUE WHEN part = given.taken AND frost = given.frozen;
        touched := true;
        UPDATE coinpurse.grants
           SET remaining = remaining + taken - part, taken = part, frozen = frost,
               exhausted = (remaining + taken = part)
         WHERE id = given.id;
        thawed := thawed + given.frozen - frost;
        IF part <> given.taken THEN
            ids := ids || given.id;
            moves := moves || given.taken - part;
            moved := moved + given.taken - part;
        END IF;
    END LOOP;

    -- What is not there was spent, or has expired.
    missing := greatest(to_take + greatest(claimed.owing - (claimed.freezing - to_freeze), 0) - lapsed, 0)
               - claimed.owed - claimed.forgiven;
    IF missing > 0 AND claimed.policy = 'forgive' THEN
        forgave := missing;
    ELSIF missing > 0 THEN
        owes := missing;
    ELSE
        forgave := -least(claimed.forgiven, -missing);
        owes := missing - forgave;
    END IF;
    SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = claimed.user_id;
    -- A debt that was repaid meanwhile comes back as coins.
    repaid := greatest(-owes - wallet.debt, 0);
    IF touched THEN
        PERFORM coinpurse.plan_next(claimed.user_id);
    END IF;
    IF ids = '{}' AND thawed = 0 AND owes = 0 AND forgave = 0 THEN
        RETURN NULL;
    END IF;
    IF repaid > 0 THEN
        ids := ids || nextval(pg_get_serial_sequence('coinpurse.grants', 'id'));
        moves := moves || repaid;
    END IF;
    UPDATE coinpurse.claims AS c
       SET owed = c.owed + owes, forgiven = c.forgiven + forgave, version = c.version + 1,
           blocks = (c.blocks OR (owes > 0 AND c.policy = 'block')) AND c.owed + owes > 0
     WHERE c.payment_id = claimed.payment_id RETURNING * INTO claimed;
    UPDATE coinpurse.wallets
       SET balance = balance + moved - owes, frozen = frozen - thawed, debt = debt + owes + repaid,
           blocked = CASE WHEN claimed.blocks = blocked_before THEN blocked
                          ELSE EXISTS (SELECT FROM coinpurse.claims WHERE user_id = claimed.user_id AND blocks) END,
           updated_at = clock_timestamp()
     WHERE user_id = claimed.user_id RETURNING * INTO wallet;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, frozen, debt, forgiven, payment_id,
                                        description, idempotency_key, digest, grant_ids, grant_coins)
    VALUES (claimed.user_id,
            CASE WHEN moved - owes > 0 OR (moved - owes = 0 AND (thawed > 0 OR forgave < 0))
                 THEN 'restoration' ELSE claimed.cause END,
            moved - owes, wallet.balance, -thawed, owes + repaid, forgave, claimed.payment_id, claimed.description,
            'claim:' || claimed.payment_id || ':' || claimed.version, '', ids, moves)
    RETURNING * INTO posted;
    IF repaid > 0 THEN
        INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, rank, transaction_id)
        VALUES (ids[cardinality(ids)], claimed.user_id, 'paid', 'restoration', repaid, repaid,
                coalesce((SELECT max(rank) FROM coinpurse.grants
                           WHERE payment_id = claimed.payment_id AND kind = 'paid'), 0), posted.id);
    END IF;
    RETURN posted;
END $$;

-- Coins came back into grants: claims that had found too few take what they may.
CREATE OR REPLACE FUNCTION coinpurse.follow_claims(wallet_of text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    claimed coinpurse.claims;
BEGIN
    FOR claimed IN SELECT * FROM coinpurse.claims WHERE user_id = wallet_of ORDER BY payment_id LOOP
        PERFORM coinpurse.follow_claim(claimed);
    END LOOP;
END $$;

-- Let go of a hold and take part of its coins: a capture takes some, a void or a time-out none.
CREATE OR REPLACE FUNCTION coinpurse.resolve(
    held_row coinpurse.holds, new_state text, amount bigint, row_type text, key text, content_digest bytea,
    row_description text
) RETURNS coinpurse.transactions
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    posted coinpurse.transactions;
    after  bigint;
    owed   bigint := amount;
    take   bigint;
    takes  bigint[] := '{}';
BEGIN
    FOR place IN 1 .. cardinality(held_row.grant_ids) LOOP
        take := least(owed, held_row.grant_coins[place]);
        owed := owed - take;
        takes := takes || -take;
        UPDATE coinpurse.grants
           SET held = held - held_row.grant_coins[place], remaining = remaining - take,
               exhausted = (remaining = take)
         WHERE id = held_row.grant_ids[place];
    END LOOP;
    UPDATE coinpurse.holds SET state = new_state, captured = amount, resolved_at = clock_timestamp() WHERE id = held_row.id;
    UPDATE coinpurse.wallets SET balance = balance - amount, held = held - held_row.coins, updated_at = clock_timestamp()
     WHERE user_id = held_row.user_id RETURNING balance INTO after;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, held, hold_id, description,
                                        idempotency_key, digest, grant_ids, grant_coins)
    VALUES (held_row.user_id, row_type, -amount, after, -held_row.coins, held_row.id, row_description,
            key, content_digest, held_row.grant_ids, takes)
    RETURNING * INTO posted;
    PERFORM coinpurse.plan_next(held_row.user_id);
    PERFORM coinpurse.follow_claims(held_row.user_id);
    RETURN posted;
END $$;

-- Time out holds and expire grants whose time has come. Held and frozen coins expire once they are let go. Coins that
-- are about to be lost repay a debt first: while it stood, they could not be used.
-- The keys are random: nobody's own key can be in the way, and the lock alone makes it happen once.
CREATE OR REPLACE FUNCTION coinpurse.settle_due(wallet_of text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    due   coinpurse.holds;
    given coinpurse.grants;
    after bigint;
    gone  bigint;
    repaid bigint;
BEGIN
    FOR due IN
        SELECT * FROM coinpurse.holds
         WHERE user_id = wallet_of AND state = 'open' AND expires_at <= moment ORDER BY id
    LOOP
        PERFORM coinpurse.resolve(due, 'timed_out', 0, 'hold_timeout', 'hold_timeout:' || gen_random_uuid(), '',
                                  due.description);
    END LOOP;
    FOR given IN
        SELECT * FROM coinpurse.grants
         WHERE user_id = wallet_of AND NOT exhausted AND expires_at <= moment AND remaining > held + frozen
         ORDER BY expires_at, rank, id
    LOOP
        gone := given.remaining - given.held - given.frozen;
        SELECT least(debt, gone) INTO repaid FROM coinpurse.wallets WHERE user_id = wallet_of;
        UPDATE coinpurse.grants
           SET remaining = remaining - gone, expired = expired + gone - repaid, exhausted = (remaining = gone)
         WHERE id = given.id;
        UPDATE coinpurse.wallets SET balance = balance - gone + repaid, debt = debt - repaid, updated_at = clock_timestamp()
         WHERE user_id = wallet_of RETURNING balance INTO after;
        INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, debt, description, idempotency_key,
                                            digest, grant_ids, grant_coins)
        VALUES (wallet_of, 'expiry', repaid - gone, after, -repaid, 'Expired', 'expiry:' || gen_random_uuid(), '',
                ARRAY[given.id], ARRAY[-gone]);
    END LOOP;
    PERFORM coinpurse.plan_next(wallet_of);
END $$;

-- Lock a wallet and settle what is due. Returns a row of nulls where there is none.
CREATE OR REPLACE FUNCTION coinpurse.lock_wallet(wallet_of text) RETURNS coinpurse.wallets
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
BEGIN
    SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = wallet_of FOR NO KEY UPDATE;
    IF wallet.next_due_at <= clock_timestamp() THEN
        PERFORM coinpurse.settle_due(wallet_of);
        SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = wallet_of;
    END IF;
    RETURN wallet;
END $$;

-- Look a key up under the wallet's lock: the row that it posted, or a row of nulls.
CREATE OR REPLACE FUNCTION coinpurse.find_repeat(wallet_of text, key text) RETURNS coinpurse.transactions
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    earlier coinpurse.transactions;
BEGIN
    SELECT * INTO earlier FROM coinpurse.transactions WHERE user_id = wallet_of AND idempotency_key = key;
    RETURN earlier;
END $$;

-- ---------------------------------------------------------------------------------------------------------
-- The operations.

-- Add coins that came together. A debt is repaid first, out of the last of the new grants backwards.
-- new_grants: [{"kind", "coins", "amount_minor", "currency", "rank", "expires_at"}, …].
DROP FUNCTION IF EXISTS coinpurse.credit(text, text, bytea, text, text, text, jsonb, bigint, text, uuid, text);
DROP FUNCTION IF EXISTS coinpurse.credit(text, text, bytea, text, text, text, jsonb, bigint, text, uuid, text, text);
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
    of_session      text DEFAULT NULL,
    acting          text DEFAULT NULL,
    OUT outcome     text,
    OUT needed      bigint,
    OUT available   bigint,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
    ids    bigint[];
    sizes  bigint[];
    rests  bigint[];
    total  bigint;
    repaid bigint;
    owed   bigint;
BEGIN
    INSERT INTO coinpurse.wallets (user_id) VALUES (wallet_of) ON CONFLICT DO NOTHING;
    wallet := coinpurse.lock_wallet(wallet_of);
    posted := coinpurse.find_repeat(wallet_of, key);
    IF posted.id IS NOT NULL THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;

    SELECT array_agg(nextval(pg_get_serial_sequence('coinpurse.grants', 'id')) ORDER BY place),
           array_agg((given ->> 'coins')::bigint ORDER BY place),
           sum((given ->> 'coins')::bigint)
      INTO ids, sizes, total
      FROM jsonb_array_elements(new_grants) WITH ORDINALITY AS listed (given, place);
    IF total > coinpurse.fullest() - wallet.balance THEN
        outcome := 'too_much';
        needed := total;
        available := coinpurse.fullest() - wallet.balance;
        RETURN;
    END IF;
    repaid := least(wallet.debt, total);
    owed := repaid;
    rests := sizes;
    FOR place IN REVERSE cardinality(sizes) .. 1 LOOP
        rests[place] := sizes[place] - least(owed, sizes[place]);
        owed := owed - least(owed, sizes[place]);
    END LOOP;

    UPDATE coinpurse.wallets SET balance = balance + total, debt = debt - repaid, updated_at = clock_timestamp()
     WHERE user_id = wallet_of RETURNING * INTO wallet;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, debt, amount_minor, currency, payment_id,
                                        session_id, description, idempotency_key, digest, grant_ids, grant_coins,
                                        actor)
    VALUES (wallet_of, row_type, total, wallet.balance, -repaid, paid_minor, paid_currency, of_payment,
            of_session, row_description, key, content_digest, ids, rests, acting)
    RETURNING * INTO posted;
    INSERT INTO coinpurse.grants (id, user_id, kind, source, coins, remaining, exhausted, amount_minor, currency,
                                  payment_id, rank, expires_at, transaction_id)
    SELECT ids[place], wallet_of, given ->> 'kind', coin_source, sizes[place], rests[place], rests[place] = 0,
           (given ->> 'amount_minor')::bigint, given ->> 'currency', of_payment,
           coalesce((given ->> 'rank')::smallint, 0), coalesce((given ->> 'expires_at')::timestamptz, 'infinity'),
           posted.id
      FROM jsonb_array_elements(new_grants) WITH ORDINALITY AS listed (given, place);
    UPDATE coinpurse.wallets
       SET next_due_at = least(next_due_at,
               (SELECT min(expires_at) FROM coinpurse.grants WHERE id = ANY (ids) AND NOT exhausted))
     WHERE user_id = wallet_of AND jsonb_path_exists(new_grants, '$[*].expires_at');
    IF of_payment IS NOT NULL THEN
        PERFORM coinpurse.follow_claim(claimed) FROM coinpurse.claims AS claimed WHERE payment_id = of_payment;
    END IF;
    outcome := 'posted';
END $$;

-- Take coins away: a usage, or an adjustment downwards.
CREATE OR REPLACE FUNCTION coinpurse.spend(
    wallet_of       text,
    amount          bigint,
    key             text,
    content_digest  bytea,
    row_description text DEFAULT '',
    row_metadata    jsonb DEFAULT NULL,
    row_type        text DEFAULT 'usage',
    acting          text DEFAULT NULL,
    OUT outcome     text,
    OUT needed      bigint,
    OUT available   bigint,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
    first  record;
    ids    bigint[];
    takes  bigint[];
BEGIN
    SELECT * INTO wallet FROM coinpurse.wallets WHERE user_id = wallet_of FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    IF wallet.next_due_at <= clock_timestamp() THEN
        wallet := coinpurse.lock_wallet(wallet_of);
    END IF;
    SELECT * INTO posted FROM coinpurse.transactions WHERE user_id = wallet_of AND idempotency_key = key;
    IF FOUND THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    IF wallet.blocked AND row_type = 'usage' THEN
        outcome := 'blocked';
        RETURN;
    END IF;
    available := wallet.balance - wallet.held - wallet.frozen;
    IF available < amount THEN
        outcome := 'insufficient';
        needed := amount;
        RETURN;
    END IF;

    -- Nearly always the first grant has enough, and nothing else needs to be read.
    SELECT id, remaining - held - frozen AS free INTO first FROM coinpurse.grants
     WHERE user_id = wallet_of AND NOT exhausted ORDER BY expires_at, rank, id LIMIT 1;
    IF first.free >= amount THEN
        ids := ARRAY[first.id];
        takes := ARRAY[-amount];
        UPDATE coinpurse.grants SET remaining = remaining - amount, exhausted = (remaining = amount)
         WHERE id = first.id;
    ELSE
        SELECT chosen.ids, array(SELECT -take FROM unnest(chosen.takes) WITH ORDINALITY AS t (take, place) ORDER BY place)
          INTO ids, takes FROM coinpurse.allocate(wallet_of, amount) AS chosen;
        IF ids IS NULL THEN
            outcome := 'broken';
            RETURN;
        END IF;
        UPDATE coinpurse.grants SET remaining = remaining + take, exhausted = (remaining = -take)
          FROM unnest(ids, takes) AS chosen (grant_id, take) WHERE id = grant_id;
    END IF;
    UPDATE coinpurse.wallets SET balance = balance - amount, updated_at = clock_timestamp() WHERE user_id = wallet_of;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, description, idempotency_key, digest,
                                        grant_ids, grant_coins, metadata, actor)
    VALUES (wallet_of, row_type, -amount, wallet.balance - amount, row_description, key, content_digest,
            ids, takes, row_metadata, acting)
    RETURNING * INTO posted;
    outcome := 'posted';
END $$;

-- Apply many spends, each with its own outcome; those of one wallet in the order given. The wallets are locked in
-- their own order first, so that crossing batches cannot wait for each other; with `skipping`, those that somebody else
-- has locked are not waited for and left out.
-- Wallets whose new items together fit into the first grant are done in sets, with the outcome that one by one they
-- would have; the rest are done one by one. Items travel in arrays and are joined by index alone: the planner takes an
-- array of any length for one of ten, and would compare each item with each.
DROP FUNCTION IF EXISTS coinpurse.spend_many(text[], bigint[], text[], bytea[], text[], jsonb[]);
CREATE OR REPLACE FUNCTION coinpurse.spend_many(
    wallets_of text[], amounts bigint[], keys text[], digests bytea[], descriptions text[], metadatas jsonb[],
    skipping boolean DEFAULT false
) RETURNS TABLE (item bigint, outcome text, needed bigint, available bigint, posted coinpurse.transactions)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    moment   timestamptz;
    unlocked text[];
    easy     record;
    place    bigint;
BEGIN
    IF skipping THEN
        unlocked := array(
            SELECT unnest(wallets_of) EXCEPT
            SELECT user_id FROM (SELECT user_id FROM coinpurse.wallets WHERE user_id = ANY (wallets_of) ORDER BY user_id
                                    FOR NO KEY UPDATE SKIP LOCKED) AS locked);
    ELSE
        PERFORM 1 FROM coinpurse.wallets WHERE user_id = ANY (wallets_of) ORDER BY user_id FOR NO KEY UPDATE;
    END IF;
    moment := clock_timestamp();

    -- Fresh items have a key that neither a row nor an item before has. In a wallet that fits they are `easy`, and the
    -- others are `known`.
    SELECT array_agg(listed.place ORDER BY listed.place) FILTER (WHERE way = 'busy') AS busy,
           array_agg(listed.place ORDER BY listed.place) FILTER (WHERE way = 'hard') AS hard,
           array_agg(listed.place ORDER BY listed.place) FILTER (WHERE way = 'known') AS known,
           array_agg(listed.place ORDER BY listed.place) FILTER (WHERE way = 'easy') AS places,
           array_agg(wallet_of ORDER BY listed.place) FILTER (WHERE way = 'easy') AS wallets,
           array_agg(amount ORDER BY listed.place) FILTER (WHERE way = 'easy') AS amounts,
           array_agg(key ORDER BY listed.place) FILTER (WHERE way = 'easy') AS keys,
           array_agg(content_digest ORDER BY listed.place) FILTER (WHERE way = 'easy') AS digests,
           array_agg(row_description ORDER BY listed.place) FILTER (WHERE way = 'easy') AS descriptions,
           array_agg(row_metadata ORDER BY listed.place) FILTER (WHERE way = 'easy') AS metadatas,
           array_agg(giver.id ORDER BY listed.place) FILTER (WHERE way = 'easy') AS givers,
           array_agg(wallet.balance - so_far ORDER BY listed.place) FILTER (WHERE way = 'easy') AS afters
      INTO easy
      FROM (SELECT *, coalesce(sum(amount) FILTER (WHERE fresh) OVER of_wallet, 0)::bigint AS total,
                   (sum(amount) FILTER (WHERE fresh) OVER (of_wallet ORDER BY items.place))::bigint AS so_far
              FROM (SELECT given.*, seen.id IS NULL AND row_number() OVER (PARTITION BY wallet_of, key
                                                                          ORDER BY given.place) = 1 AS fresh
                      FROM unnest(wallets_of, amounts, keys, digests, descriptions, metadatas) WITH ORDINALITY
                           AS given (wallet_of, amount, key, content_digest, row_description, row_metadata, place)
                      LEFT JOIN coinpurse.transactions AS seen ON user_id = wallet_of AND idempotency_key = key
                   ) AS items
            WINDOW of_wallet AS (PARTITION BY wallet_of)) AS listed
      LEFT JOIN coinpurse.wallets AS wallet ON wallet.user_id = wallet_of
      LEFT JOIN LATERAL (SELECT id, remaining - held - frozen AS free FROM coinpurse.grants
                          WHERE grants.user_id = wallet_of AND NOT exhausted
                          ORDER BY expires_at, rank, id LIMIT 1) AS giver ON true,
           LATERAL (SELECT CASE WHEN wallet.user_id = ANY (unlocked) THEN 'busy'
                                WHEN NOT blocked AND next_due_at > moment AND total <= coalesce(free, 0)
                                     AND total <= wallet.balance - wallet.held - wallet.frozen
                                THEN CASE WHEN fresh THEN 'easy' ELSE 'known' END
                                ELSE 'hard' END
                    OFFSET 0) AS w (way);

    UPDATE coinpurse.grants SET remaining = remaining - total, exhausted = (remaining = total)
      FROM (SELECT giver, sum(amount)::bigint AS total
              FROM unnest(easy.givers, easy.amounts) AS taken (giver, amount) GROUP BY giver) AS chosen
     WHERE id = giver;
    UPDATE coinpurse.wallets SET balance = last, updated_at = clock_timestamp()
      FROM (SELECT wallet_of, min(after) AS last
              FROM unnest(easy.wallets, easy.afters) AS taken (wallet_of, after) GROUP BY wallet_of) AS chosen
     WHERE user_id = wallet_of;
    -- Rows get their ids in the order of their items.
    RETURN QUERY
        WITH made AS (
            INSERT INTO coinpurse.transactions AS t (user_id, type, coins, balance_after, description,
                                                     idempotency_key, digest, grant_ids, grant_coins, metadata)
            SELECT wallet_of, 'usage', -amount, after, row_description, key, content_digest, ARRAY[giver],
                   ARRAY[-amount], row_metadata
              FROM unnest(easy.wallets, easy.amounts, easy.keys, easy.digests, easy.descriptions, easy.metadatas,
                          easy.givers, easy.afters) WITH ORDINALITY
                   AS items (wallet_of, amount, key, content_digest, row_description, row_metadata, giver, after, nth)
             ORDER BY nth
            RETURNING t AS made
        )
        SELECT easy.places[row_number() OVER (ORDER BY (made).id)], 'posted', NULL::bigint, NULL::bigint, made
          FROM made;

    RETURN QUERY
        SELECT known, CASE WHEN earlier.digest = digests[known] THEN 'repeated' ELSE 'conflict' END,
               NULL::bigint, NULL::bigint, earlier
          FROM unnest(easy.known) AS known
          JOIN coinpurse.transactions AS earlier ON user_id = wallets_of[known] AND idempotency_key = keys[known];
    RETURN QUERY
        SELECT busy, 'busy', NULL::bigint, NULL::bigint, NULL::coinpurse.transactions FROM unnest(easy.busy) AS busy;
    FOREACH place IN ARRAY coalesce(easy.hard, '{}') LOOP
        RETURN QUERY SELECT place, alone.*
                       FROM coinpurse.spend(wallets_of[place], amounts[place], keys[place], digests[place],
                                            descriptions[place], metadatas[place]) AS alone;
    END LOOP;
END $$;

-- Undo a usage or a capture, whole or in part, into the grants that it took from: the last taken first.
-- Coins of a grant that has expired since expire with it.
CREATE OR REPLACE FUNCTION coinpurse.reverse(
    reversed_id     bigint,
    amount          bigint,
    key             text,
    content_digest  bytea,
    row_description text DEFAULT '',
    OUT outcome     text,
    OUT needed      bigint,
    OUT available   bigint,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet   coinpurse.wallets;
    original coinpurse.transactions;
    ids      bigint[];
    refills  bigint[];
    after    bigint;
BEGIN
    SELECT * INTO original FROM coinpurse.transactions
     WHERE id = reversed_id AND type IN ('usage', 'capture') AND coins < 0;
    IF NOT FOUND THEN
        outcome := 'no_transaction';
        RETURN;
    END IF;
    wallet := coinpurse.lock_wallet(original.user_id);
    posted := coinpurse.find_repeat(original.user_id, key);
    IF posted.id IS NOT NULL THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    SELECT -original.coins - coalesce(sum(coins), 0) INTO available
      FROM coinpurse.transactions WHERE reverses = reversed_id;
    needed := coalesce(amount, available);
    available := least(available, greatest(coinpurse.fullest() - wallet.balance, 0));
    IF needed > available OR available = 0 THEN
        outcome := 'too_much';
        RETURN;
    END IF;

    SELECT array_agg(grant_id ORDER BY place DESC), array_agg(least(rest, needed - later) ORDER BY place DESC)
      INTO ids, refills
      FROM (SELECT place, taken.grant_id, rest, (sum(rest) OVER (ORDER BY place DESC) - rest)::bigint AS later
              FROM unnest(original.grant_ids, original.grant_coins) WITH ORDINALITY AS taken (grant_id, coins, place)
              LEFT JOIN (SELECT back.grant_id, sum(back.coins)::bigint AS coins
                           FROM coinpurse.transactions, unnest(grant_ids, grant_coins) AS back (grant_id, coins)
                          WHERE reverses = reversed_id GROUP BY back.grant_id) AS undone USING (grant_id),
                   LATERAL (SELECT -taken.coins - coalesce(undone.coins, 0)) AS r (rest)) AS rests
     WHERE rest > 0 AND later < needed;
    UPDATE coinpurse.grants SET remaining = remaining + refill, exhausted = false
      FROM unnest(ids, refills) AS undone (grant_id, refill) WHERE id = grant_id;
    UPDATE coinpurse.wallets SET balance = balance + needed, updated_at = clock_timestamp()
     WHERE user_id = original.user_id RETURNING balance INTO after;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, reverses, description, idempotency_key,
                                        digest, grant_ids, grant_coins)
    VALUES (original.user_id, 'reversal', needed, after, reversed_id, row_description, key, content_digest,
            ids, refills)
    RETURNING * INTO posted;
    PERFORM coinpurse.plan_next(original.user_id);
    PERFORM coinpurse.follow_claims(original.user_id);
    outcome := 'posted';
END $$;

-- Set coins aside until they are captured or let go, or until the time is over.
CREATE OR REPLACE FUNCTION coinpurse.hold(
    wallet_of       text,
    amount          bigint,
    key             text,
    content_digest  bytea,
    ttl_seconds     double precision,
    row_description text DEFAULT '',
    OUT outcome     text,
    OUT needed      bigint,
    OUT available   bigint,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet   coinpurse.wallets;
    made     coinpurse.holds;
    ids      bigint[];
    takes    bigint[];
BEGIN
    wallet := coinpurse.lock_wallet(wallet_of);
    IF wallet.user_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    posted := coinpurse.find_repeat(wallet_of, key);
    IF posted.id IS NOT NULL THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    available := coinpurse.available(wallet);
    IF wallet.blocked OR available < amount THEN
        outcome := CASE WHEN wallet.blocked THEN 'blocked' ELSE 'insufficient' END;
        needed := amount;
        RETURN;
    END IF;
    SELECT chosen.ids, chosen.takes INTO ids, takes FROM coinpurse.allocate(wallet_of, amount) AS chosen;
    IF ids IS NULL THEN
        outcome := 'broken';
        RETURN;
    END IF;
    UPDATE coinpurse.grants SET held = held + take
      FROM unnest(ids, takes) AS chosen (grant_id, take) WHERE id = grant_id;
    INSERT INTO coinpurse.holds (user_id, coins, grant_ids, grant_coins, description, expires_at)
    VALUES (wallet_of, amount, ids, takes, row_description, clock_timestamp() + make_interval(secs => ttl_seconds))
    RETURNING * INTO made;
    UPDATE coinpurse.wallets
       SET held = held + amount, next_due_at = least(next_due_at, made.expires_at), updated_at = clock_timestamp()
     WHERE user_id = wallet_of;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, held, hold_id, description,
                                        idempotency_key, digest, grant_ids, grant_coins)
    VALUES (wallet_of, 'hold', 0, wallet.balance, amount, made.id, row_description, key, content_digest, ids, takes)
    RETURNING * INTO posted;
    outcome := 'posted';
END $$;

-- Take the held coins, or part of them (the rest is let go); or, with amount 0, let go of all.
CREATE OR REPLACE FUNCTION coinpurse.resolve_hold(
    resolved_id     bigint,
    amount          bigint,
    key             text,
    content_digest  bytea,
    row_description text DEFAULT NULL,
    OUT outcome     text,
    OUT needed      bigint,
    OUT available   bigint,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
    found_hold coinpurse.holds;
BEGIN
    SELECT * INTO found_hold FROM coinpurse.holds WHERE id = resolved_id;
    IF NOT FOUND THEN
        outcome := 'no_hold';
        RETURN;
    END IF;
    wallet := coinpurse.lock_wallet(found_hold.user_id);
    posted := coinpurse.find_repeat(found_hold.user_id, key);
    IF posted.id IS NOT NULL THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    SELECT * INTO found_hold FROM coinpurse.holds WHERE id = resolved_id;
    available := found_hold.coins;
    needed := coalesce(amount, found_hold.coins);
    IF found_hold.state <> 'open' OR needed > available THEN
        outcome := CASE WHEN found_hold.state <> 'open' THEN 'resolved' ELSE 'too_much' END;
        RETURN;
    END IF;
    posted := coinpurse.resolve(
        found_hold, CASE WHEN needed = 0 THEN 'voided' ELSE 'captured' END, needed,
        CASE WHEN needed = 0 THEN 'void' ELSE 'capture' END, key, content_digest,
        coalesce(row_description, found_hold.description));
    outcome := 'posted';
END $$;

-- What became of a payment's money: bring its coins in line with it, and post the difference, if there is one.
--   amount        coins that are gone: refunded, or lost to a dispute
--   contested     coins that a dispute is about: frozen as far as they are there
--   owing         how many of the contested coins are owed meanwhile where they are not there
--   spent_policy  for coins that were spent: debt, forgive, or block (a debt, and the wallet may not spend)
-- The targets are absolute, so that calls may come in any order and be repeated: the last one holds.
CREATE OR REPLACE FUNCTION coinpurse.claim(
    wallet_of       text,
    of_payment      uuid,
    amount          bigint,
    contested       bigint,
    owing           bigint,
    spent_policy    text,
    row_type        text,
    row_description text DEFAULT '',
    OUT outcome     text,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet  coinpurse.wallets;
    claimed coinpurse.claims;
BEGIN
    wallet := coinpurse.lock_wallet(wallet_of);
    IF wallet.user_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    INSERT INTO coinpurse.claims AS c (payment_id, user_id, taking, freezing, owing, policy, cause, description)
    VALUES (of_payment, wallet_of, amount, contested, claim.owing, spent_policy, row_type, row_description)
    ON CONFLICT (payment_id) DO UPDATE
       SET taking = amount, freezing = contested, owing = claim.owing, policy = spent_policy, cause = row_type,
           description = row_description
     WHERE c.user_id = wallet_of
    RETURNING c.* INTO claimed;
    IF claimed.payment_id IS NULL
       OR EXISTS (SELECT FROM coinpurse.grants WHERE payment_id = of_payment AND user_id <> wallet_of) THEN
        RAISE EXCEPTION 'payment % is not of %', of_payment, wallet_of USING ERRCODE = 'CP500';
    END IF;
    posted := coinpurse.follow_claim(claimed);
    outcome := CASE WHEN posted.id IS NULL THEN 'unchanged' ELSE 'posted' END;
END $$;

-- Let a wallet spend again that a claim had blocked.
CREATE OR REPLACE FUNCTION coinpurse.unblock(
    wallet_of       text,
    key             text,
    content_digest  bytea,
    row_description text,
    acting          text,
    OUT outcome     text,
    OUT posted      coinpurse.transactions
)
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    wallet coinpurse.wallets;
BEGIN
    wallet := coinpurse.lock_wallet(wallet_of);
    IF wallet.user_id IS NULL THEN
        outcome := 'no_wallet';
        RETURN;
    END IF;
    posted := coinpurse.find_repeat(wallet_of, key);
    IF posted.id IS NOT NULL THEN
        outcome := CASE WHEN posted.digest = content_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    UPDATE coinpurse.claims SET blocks = false WHERE user_id = wallet_of AND blocks;
    UPDATE coinpurse.wallets SET blocked = false, updated_at = clock_timestamp() WHERE user_id = wallet_of;
    INSERT INTO coinpurse.transactions (user_id, type, coins, balance_after, description, idempotency_key, digest,
                                        grant_ids, grant_coins, actor)
    VALUES (wallet_of, 'unblock', 0, wallet.balance, row_description, key, content_digest, '{}', '{}', acting)
    RETURNING * INTO posted;
    outcome := 'posted';
END $$;

-- Settle wallets whose time has come, the longest due first; others lock past. Returns how many it settled. Those whose
-- books are broken are left as they are; the error is raised where there is nobody else to settle, who would lose by it.
CREATE OR REPLACE FUNCTION coinpurse.sweep_due(most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, coinpurse AS $$
DECLARE
    moment CONSTANT timestamptz := clock_timestamp();
    due     text;
    settled integer := 0;
    trouble text;
BEGIN
    FOR due IN
        SELECT user_id FROM coinpurse.wallets WHERE next_due_at <= moment ORDER BY next_due_at LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM coinpurse.settle_due(due);
            settled := settled + 1;
        EXCEPTION WHEN SQLSTATE 'CP500' OR check_violation THEN
            trouble := SQLERRM;
        END;
    END LOOP;
    IF settled = 0 AND trouble IS NOT NULL THEN
        RAISE EXCEPTION '%', trouble USING ERRCODE = 'CP500';
    END IF;
    RETURN settled;
END $$;
