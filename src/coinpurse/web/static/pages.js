// Improvements for all pages; each page works without them.
"use strict";

/** The reader's own variety of the page's language: a Briton's dates differ from an American's. */
function readerLocale() {
  const language = document.documentElement.lang;
  const [name] = language.split("-");
  return navigator.languages.find((tag) => tag.split("-")[0] === name) ?? language;
}

/** Show a time in the reader's own zone; the page came with UTC. */
function showLocalTimes(root) {
  const form = new Intl.DateTimeFormat(readerLocale(), {
    dateStyle: "medium",
    timeStyle: "short",
  });
  for (const element of root.querySelectorAll("time[data-local]")) {
    element.textContent = form.format(new Date(element.dateTime));
  }
}

/** Send a form once, and say that it is on its way. */
function sendOnce(form) {
  const button = form.querySelector("button[type=submit]");
  const label = button.querySelector(".label");
  const words = label.textContent;
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    button.style.minWidth = `${button.offsetWidth}px`;
    button.setAttribute("aria-disabled", "true");
    label.textContent = button.dataset.busy;
  });
  // The browser may show this page again as it was left, after a step back.
  window.addEventListener("pageshow", () => {
    delete form.dataset.sent;
    button.removeAttribute("aria-disabled");
    label.textContent = words;
  });
}

/** Close an open menu by Escape or a click beside it. */
function closeLikeAMenu(menu) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

showLocalTimes(document);
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("details.menu").forEach(closeLikeAMenu);
