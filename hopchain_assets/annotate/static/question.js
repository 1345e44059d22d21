// Zoom and pan, keys, what a number is understood as, and how long an answer can be undone.
// The page works without it: a form, a picture, two buttons.
"use strict";

const by = (id) => document.getElementById(id);

// --- the picture: it is moved and scaled, never reloaded ---
function makeZoomable(frame, image) {
  const MOST = 16;
  let scale = 1, x = 0, y = 0;
  const fingers = new Map();

  function show() {
    // the picture never leaves its frame
    x = Math.min(0, Math.max(x, frame.clientWidth * (1 - scale)));
    y = Math.min(0, Math.max(y, frame.clientHeight * (1 - scale)));
    image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    by("zoomed").value = `${Math.round(scale * 100)}%`;
  }

  function zoom(factor, atX = frame.clientWidth / 2, atY = frame.clientHeight / 2) {
    const next = Math.min(MOST, Math.max(1, scale * factor));
    // what is under the pointer stays under it
    x = atX - (atX - x) * next / scale;
    y = atY - (atY - y) * next / scale;
    scale = next;
    show();
  }

  function move(dx, dy) { x += dx; y += dy; show(); }
  function whole() { scale = 1; x = 0; y = 0; show(); }

  function place(event) {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function middle() {
    const [a, b] = fingers.values();
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  }

  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = place(event);
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), at.x, at.y);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
  });
  frame.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const at = place(event);
    if (fingers.size === 2) {
      const was = middle();
      fingers.set(event.pointerId, at);
      const is = middle();
      move(is.x - was.x, is.y - was.y);
      zoom(is.apart / Math.max(was.apart, 1), is.x, is.y);
    } else {
      fingers.set(event.pointerId, at);
      move(at.x - before.x, at.y - before.y);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  frame.addEventListener("dblclick", (event) => {
    const at = place(event);
    if (scale > 1) whole(); else zoom(3, at.x, at.y);
  });
  window.addEventListener("resize", show);
  by("larger").addEventListener("click", () => zoom(1.5));
  by("smaller").addEventListener("click", () => zoom(1 / 1.5));
  by("whole").addEventListener("click", whole);
  return { zoom, move, whole };
}

// --- keys that act wherever nothing is typed ---
function makeKeys(picture) {
  const STEP = 60;
  const frame = by("picture"), number = by("number"), cannot = by("cannot");
  const keys = {
    "+": () => picture.zoom(1.5), "=": () => picture.zoom(1.5), "-": () => picture.zoom(1 / 1.5),
    "0": picture.whole,
    ArrowLeft: () => picture.move(STEP, 0), ArrowRight: () => picture.move(-STEP, 0),
    ArrowUp: () => picture.move(0, STEP), ArrowDown: () => picture.move(0, -STEP),
    c: () => openReasons(), u: () => by("undo")?.click(),
  };

  function openReasons() {
    cannot.open = true;
    const chosen = cannot.querySelector("input:checked") || cannot.querySelector("input");
    chosen.focus();
    chosen.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (event.key === "Escape") {
      (target === frame ? number : frame).focus();
      event.preventDefault();
      return;
    }
    const reasons = [...cannot.querySelectorAll("input")];
    if (target.name === "defect") {
      const chosen = reasons[Number(event.key) - 1];
      if (chosen) { chosen.checked = true; chosen.focus(); event.preventDefault(); }
      // a form's first button would send a number
      if (event.key === "Enter") { event.preventDefault(); by("report").click(); }
      return;
    }
    // in fields letters are letters; on buttons and links keys keep their meaning, but the picture's own are free
    if (target.matches("input, textarea, select")) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { act(); event.preventDefault(); }
  });
}

// --- what the server understands of what is typed ---
function tellUnderstood(number, told) {
  let asked = 0, waiting = 0;
  async function ask() {
    const mine = ++asked, text = number.value;
    if (!text.trim()) { told.textContent = "\u00a0"; told.className = "understood"; return; }
    let read;
    try {
      const reply = await fetch(`/understood?text=${encodeURIComponent(text)}`);
      if (!reply.ok) return;
      read = await reply.json();
    } catch {
      // without a connection nothing is said; sending will tell
      return;
    }
    if (mine !== asked) return;
    told.textContent = read.number ? `Understood: ${read.number}` : read.why || "\u00a0";
    told.className = `understood ${read.number ? "good" : "bad"}`;
  }
  number.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 120); });
  if (number.value) ask();
}

// --- one form is sent once ---
function sendOnce(form) {
  form.addEventListener("submit", () => {
    // after the browser has read which button was pressed
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
  // a page that comes back from the browser's history can be sent again
  window.addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => { button.disabled = false; }));
}

function countDown(form) {
  const until = Date.now() + 1000 * Number(form.dataset.seconds);
  const tick = setInterval(() => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left > 0) { form.querySelector(".left").textContent = `${left} s`; return; }
    clearInterval(tick);
    form.remove();
  }, 500);
}

const form = by("form");
if (form) {
  makeKeys(makeZoomable(by("picture"), by("image")));
  tellUnderstood(by("number"), by("understood"));
  sendOnce(form);
  // on a phone the keyboard would hide the picture
  if (matchMedia("(pointer: fine)").matches) by("number").focus();
}
document.querySelectorAll("form.undo").forEach(countDown);
