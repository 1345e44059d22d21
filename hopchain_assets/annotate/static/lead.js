// A form is sent once, and a link can be copied by a button. The pages work without it.
"use strict";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
// a page that comes back from the browser's history can be sent again
window.addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => delete form.dataset.sent));

const address = document.getElementById("address"), copy = document.getElementById("copy");
if (address && copy) {
  address.addEventListener("focus", () => address.select());
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    const told = document.getElementById("copied");
    try {
      await navigator.clipboard.writeText(address.value);
      told.textContent = "Copied.";
    } catch {
      // forbidden in this browser: select it, and leave the rest to keys
      address.focus();
      told.textContent = "Selected: copy it by keys.";
    }
  });
}
