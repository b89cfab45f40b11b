// Sells coins with Coinpurse's JSON API. Copy what you need: `ask`, `buy` and `follow` are all of it.

const WORDS = {
  purchase: "Bought", usage: "Spent", refund: "Refunded", grant: "Received", adjustment: "Corrected",
  expiry: "Expired", dispute: "Disputed", restoration: "Given back",
};
const ENDED = {
  failed: "The payment did not work, and nothing was charged.",
  cancelled: "You cancelled. Nothing was charged.",
  expired: "The payment page was open for too long. Nothing was charged; choose again.",
};
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

const find = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
let packs = [];

/** Ask the API. Throws an Error whose message is the API's own sentence, and whose `code` is stable. */
async function ask(path, body, headers = {}) {
  const answer = await fetch(`/api/${path}`, body === undefined ? { headers } : {
    method: "POST",
    // The content type and the Origin, which the browser adds, are what keeps other sites from buying for your user.
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const found = await answer.json().catch(() => ({ error: "The shop does not answer as it should." }));
  if (!answer.ok) throw Object.assign(new Error(found.error), { code: found.code });
  return found;
}

/** Open a checkout and go there. Stripe replaces {CHECKOUT_SESSION_ID}; the server sets the price. */
async function buy(pack, currency) {
  // With the same key the same request may be sent again, after a lost answer, and is still one checkout.
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const order = {
    pack: pack.sku,
    currency,
    success_url: `${location.origin}/?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: `${location.origin}/?cancelled=1`,
  };
  const { checkout_url } = await ask("payment/create-checkout-session", order, headers);
  location.assign(checkout_url);
}

/** Follow a payment until it has ended. Being back from Stripe means nothing: only `completed` does. */
async function follow(sessionId) {
  say("Your payment is being confirmed …");
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    const payment = await ask(`payment/status/${encodeURIComponent(sessionId)}`).catch((error) => {
      // Offline for a moment is no reason to stop; what the API refuses is.
      if (error.code) throw error;
      return { status: "pending" };
    });
    if (payment.status === "completed") {
      say(`${number.format(payment.coins_added)} coins have arrived.`, "good");
      return showWallet();
    }
    if (payment.status !== "pending") {
      return say(ENDED[payment.status] ?? "This payment was given back.", "wrong");
    }
    if (wait >= LONGEST_WAIT_MS) {
      say("This takes longer than usual; a bank transfer can take days. You may leave: the coins come by themselves.");
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

async function showWallet() {
  const [wallet, { transactions }] = await Promise.all([ask("wallet"), ask("wallet/transactions?limit=5")]);
  find("balance").textContent = number.format(wallet.available);
  find("history").replaceChildren(...transactions.map((row) => {
    const line = find("row").content.cloneNode(true);
    line.querySelector(".what").textContent = WORDS[row.type] ?? row.description;
    line.querySelector("time").textContent = day.format(new Date(row.created_at));
    line.querySelector("time").dateTime = row.created_at;
    line.querySelector(".coins").textContent = `${row.coins > 0 ? "+" : ""}${number.format(row.coins)}`;
    return line;
  }));
}

function showPacks(currency) {
  const sold = packs.filter((pack) => pack.prices[currency]);
  const perCoin = (pack) => pack.prices[currency].amount_minor / (pack.total_coins + pack.first_purchase_bonus);
  const best = sold.length > 1 ? sold.reduce((a, b) => (perCoin(b) < perCoin(a) ? b : a)) : null;
  const money = (amount) => new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  find("packs").replaceChildren(...sold.map((pack) => {
    const card = find("pack").content.cloneNode(true);
    const total = pack.total_coins + pack.first_purchase_bonus;
    const price = pack.prices[currency].amount;
    card.querySelector("li").toggleAttribute("data-best", pack === best);
    card.querySelector(".best").hidden = pack !== best;
    card.querySelector(".total").textContent = number.format(total);
    card.querySelector(".made-of").textContent =
      total > pack.coins ? `${number.format(pack.coins)} + ${number.format(total - pack.coins)} bonus` : "";
    card.querySelector(".each").textContent = `${money((price / total) * 100)} for 100`;
    const button = card.querySelector("button");
    button.dataset.sku = pack.sku;
    button.disabled = pack.limit_reached;
    button.textContent = pack.limit_reached ? "You have this one" : money(price);
    button.setAttribute("aria-label", `${number.format(total)} coins: ${button.textContent}`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await buy(pack, currency).catch(complain);
      button.disabled = false;
    });
    return card;
  }));
  find("packs").removeAttribute("aria-busy");
}

function say(words, kind = "") {
  Object.assign(find("notice"), { textContent: words, hidden: false }).dataset.kind = kind;
}

function complain(error) {
  // `error.code` is for programs: your own words for those that your users meet, in their language.
  say(error.code === "login_required" ? "Please log in first." : error.message, "wrong");
}

async function start() {
  packs = (await ask("payment/packs")).packs;
  const currencies = [...new Set(packs.flatMap((pack) => Object.keys(pack.prices)))];
  find("currency").replaceChildren(...currencies.map((code) => new Option(code.toUpperCase(), code)));
  find("currency").addEventListener("change", (event) => showPacks(event.target.value));
  showPacks(currencies[0]);
  await showWallet();
  const query = new URLSearchParams(location.search);
  if (query.has("cancelled")) say("Nothing was charged. Choose again whenever you like.");
  if (query.has("session_id")) await follow(query.get("session_id"));
}

start().catch(complain);
