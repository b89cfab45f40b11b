// Follows one payment: asks how it stands and shows the page's new words when that has changed.
"use strict";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const SLOW_AFTER_MS = 15000;
// Some changes have the same status (a decline, a delayed payment); the page itself tells them apart.
const PAGE_EVERY = 3;

const started = Date.now();
let wait = FIRST_WAIT_MS;
let asked = 0;

/** Replace what the page says by what the server says now. */
async function refreshPage() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [shown, next] = [document, fresh].map((page) => page.getElementById("payment"));
  if (!shown || !next || shown.dataset.stage === next.dataset.stage) return;
  shown.dataset.stage = next.dataset.stage;
  shown.dataset.status = next.dataset.status;
  shown.toggleAttribute("data-moving", next.hasAttribute("data-moving"));
  shown.replaceChildren(...next.childNodes);
  // A region that was there before is what screen readers announce.
  document.getElementById("live").textContent = shown.querySelector("[data-words]").innerText;
  const chips = [document, fresh].map((page) => page.getElementById("balance"));
  if (chips[0] && chips[1]) chips[0].replaceWith(chips[1]);
  document.title = fresh.title;
  showLocalTimes(shown);
  shown.querySelectorAll("[data-count-to]").forEach(countUp);
}

/** Let a number run to its new value, once, unless the reader prefers stillness. */
function countUp(element) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const words = element.textContent;
  const [from, to] = [Number(element.dataset.countFrom), Number(element.dataset.countTo)];
  const form = new Intl.NumberFormat(readerLocale());
  const begin = performance.now();
  const duration = 900;
  function step(now) {
    const part = Math.min((now - begin) / duration, 1);
    const eased = 1 - (1 - part) ** 3;
    element.textContent = part < 1 ? form.format(Math.round(from + (to - from) * eased)) : words;
    if (part < 1) requestAnimationFrame(step);
  }
  requestAnimationFrame(step);
}

async function ask() {
  const payment = document.getElementById("payment");
  try {
    const answer = await fetch(payment.dataset.statusLink, { cache: "no-store" });
    asked += 1;
    const changed = answer.ok && (await answer.json()).status !== payment.dataset.status;
    if (changed || asked % PAGE_EVERY === 0) await refreshPage();
  } catch {
    // Offline for a moment: the next turn asks again.
  }
  follow();
}

function follow() {
  const payment = document.getElementById("payment");
  if (!payment.hasAttribute("data-moving")) return;
  if (Date.now() - started > SLOW_AFTER_MS) {
    payment.querySelector("[data-slow]")?.parentElement.classList.add("swap-slow");
  }
  setTimeout(ask, wait);
  wait = Math.min(wait * 1.3, LONGEST_WAIT_MS);
}

follow();
