// Improves the checkout page; everything works without it.
"use strict";

const brands = [
  [/^3[47]/, "Amex", 15, 4],
  [/^3(?:0|6|8|9)/, "Diners", 14, 3],
  [/^35/, "JCB", 16, 3],
  [/^(?:5[1-5]|2(?:2[2-9]|[3-6]|7[01]|720))/, "Mastercard", 16, 3],
  [/^(?:62|81)/, "UnionPay", 19, 3],
  [/^6(?:011|4[4-9]|5)/, "Discover", 16, 3],
  [/^4/, "Visa", 16, 3],
];

const field = (id) => document.getElementById(id);
const plain = (text) => text.normalize("NFKC");
const digitsOf = (text) => plain(text).replace(/[^0-9]/g, "");
const brandOf = (digits) => brands.find(([prefix]) => prefix.test(digits));

function groupCardNumber(text) {
  const digits = digitsOf(text).slice(0, 19);
  const shape = /^3[4-9]/.test(digits) && !/^35/.test(digits)
    ? /^(\d{1,4})(\d{1,6})?(\d{1,})?$/
    : /(\d{4})(?=\d)/g;
  if (shape.global) return digits.replace(shape, "$1 ");
  const parts = digits.match(shape);
  return parts ? parts.slice(1).filter(Boolean).join(" ") : digits;
}

function groupIban(text) {
  return plain(text).replace(/[^0-9a-z]/gi, "").toUpperCase().replace(/(.{4})(?=.)/g, "$1 ");
}

function spellExpiry(text) {
  let digits = digitsOf(text);
  if (/^[2-9]/.test(digits)) digits = "0" + digits;
  if (/[/-]/.test(plain(text)) && digits.length === 1) digits = "0" + digits;
  return digits.length > 2 ? digits.slice(0, 2) + " / " + digits.slice(2, 6) : digits;
}

// Rewrites the field as it is typed in and keeps the caret behind the same character.
// Leaves the field alone while an input method is composing.
function reshape(input, write, counted) {
  const apply = (event) => {
    if (event.isComposing) return;
    const deleting = (event.inputType || "").startsWith("delete");
    const before = input.value;
    if (deleting && input.selectionStart === before.length) return;
    const after = write(before);
    if (after === before) return;
    const kept = plain(before.slice(0, input.selectionStart)).replace(counted, "").length;
    const atEnd = input.selectionStart === before.length;
    input.value = after;
    let caret = after.length;
    if (!atEnd) {
      caret = 0;
      for (let seen = 0; caret < after.length && seen < kept; caret += 1) {
        if (after[caret].replace(counted, "")) seen += 1;
      }
    }
    if (document.activeElement === input) input.setSelectionRange(caret, caret);
  };
  input.addEventListener("input", apply);
  input.addEventListener("compositionend", apply);
}

const number = field("card_number");
if (number) {
  reshape(number, groupCardNumber, /[^0-9]/g);
  const showBrand = () => {
    const brand = brandOf(digitsOf(number.value));
    field("card-brand").textContent = brand ? brand[1] : "";
    field("card_cvc").placeholder = "0".repeat(brand ? brand[3] : 3).replace(/0/g, "•");
  };
  number.addEventListener("input", showBrand);
  number.addEventListener("compositionend", showBrand);
  showBrand();
}
const expiry = field("card_expiry");
if (expiry) reshape(expiry, spellExpiry, /[^0-9]/g);
const iban = field("iban");
if (iban) reshape(iban, groupIban, /[^0-9a-z]/gi);

function put(id, value) {
  const input = field(id);
  if (!input) return;
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

function fillIn(testNumber) {
  const isCard = /^[0-9]/.test(testNumber);
  const method = field(isCard ? "method-card" : "method-sepa_debit");
  if (!method) return false;
  method.checked = true;
  if (isCard) {
    put("card_number", testNumber);
    put("card_expiry", "12 / 34");
    put("card_cvc", "1234".slice(0, brandOf(testNumber)[3]));
  } else {
    put("iban", testNumber);
  }
  if (field("email") && !field("email").value) put("email", "buyer@example.com");
  if (!field("name").value) put("name", "Ada Buyer");
  field("pay").focus();
  field("pay").scrollIntoView({ block: "nearest" });
  return true;
}

for (const form of document.querySelectorAll("form[data-working]")) {
  form.addEventListener("submit", (event) => {
    const pressed = event.submitter;
    if (pressed && pressed.name === "fill") {
      if (fillIn(pressed.value)) event.preventDefault();
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = pressed || field("pay");
    button.setAttribute("aria-disabled", "true");
    button.dataset.words = button.querySelector(".button-text").textContent;
    button.querySelector(".button-text").textContent = form.dataset.working;
  });
}

// A page that comes back from the browser's history can be sent again.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[data-words]")) {
      button.removeAttribute("aria-disabled");
      button.querySelector(".button-text").textContent = button.dataset.words;
    }
  }
});

const alertBox = field("alert");
if (alertBox) alertBox.focus();
