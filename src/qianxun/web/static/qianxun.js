// What makes pages quicker; each of them works without. No library, nothing from another host.
"use strict";

const PAUSE_MS = 120; // so long after the last key typing has ended
const LATER_MS = 500; // and so long after that comes what takes more time than the passages
const STANDING_MS = 5000; // a question that stands so long after that is finished without Enter
const AIMED_MS = 300; // nobody sees what has come in and clicks it in so short a time

// A part of a page, as the server renders it. `how` is more for fetch.
async function part(address, name, signal, mustBeThere = false, { typing = false, ...how } = {}) {
  const headers = { "X-Qianxun-Part": name };
  if (typing) { headers["X-Qianxun-Typing"] = "1"; }
  const reply = await fetch(address, { headers, signal, credentials: "same-origin", ...how });
  if (reply.status === 401) { location.reload(); }
  if (mustBeThere && !reply.ok) { throw new Error(reply.statusText); }
  return reply.text();
}

// Times as the clock of this machine has them: the server writes them in UTC, and says so.
function localTimes(within) {
  const two = (number) => String(number).padStart(2, "0");
  for (const time of within.querySelectorAll("time[datetime]:not([title])")) {
    const at = time.dateTime;
    const moment = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(at) ? at : at + "Z");
    if (!at.includes("T") || isNaN(moment)) { continue; }
    const day = [moment.getFullYear(), two(moment.getMonth() + 1), two(moment.getDate())].join("-");
    const clock = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":");
    time.title = `${time.textContent} UTC`;
    time.textContent = `${day} ${clock}`.slice(0, time.textContent.length);
  }
  for (const one of within.querySelectorAll("[data-utc]")) { one.hidden = true; }
}
localTimes(document);

function say(text) {
  document.getElementById("said").textContent = text;
}

function show(place, html) {
  place.innerHTML = html;
  localTimes(place);
  const told = place.querySelector("[data-said]");
  if (told) { say(told.textContent); }
}

// What comes in above others moves them. A click that follows at once was aimed at what was there before, and goes there:
// `data-moved` holds by how many pixels what is below has moved.
function showAbove(place, html) {
  const below = () => place.nextElementSibling.getBoundingClientRect().top;
  const before = below(), scrolled = scrollY;
  show(place, html);
  place.removeAttribute("aria-busy"); // with which it may have had no height
  const by = below() - before;
  if (!by) { return; }
  const aimed = (event) => {
    // Keys have no place; what is above has not moved.
    if (!event.isTrusted || !event.detail || event.clientY < before || scrollY !== scrolled) { return; }
    const x = event.clientX, y = event.clientY + by;
    const isThere = (box) => box.left <= x && x < box.right && box.top <= y && y < box.bottom;
    const meant = [...document.querySelectorAll("a, button, summary")].find(
      (one) => !place.contains(one) && [...one.getClientRects()].some(isThere));
    event.preventDefault();
    event.stopPropagation();
    meant?.dispatchEvent(new MouseEvent("click", event));
  };
  place.dataset.moved = by;
  addEventListener("click", aimed, true);
  setTimeout(() => {
    removeEventListener("click", aimed, true);
    delete place.dataset.moved;
  }, AIMED_MS);
}

// What comes later than the rest: `data-load` names the part, the link in it where it is. What a model must write
// (`data-load-asked`) waits until a question is finished. What is asked before says so, and is sent once more as a
// question when it is one: it stands for a while, or its reader goes into what was found.
let later = 0, loading = null, standing = 0, finish = null;

function stopLoading() {
  clearTimeout(later);
  clearTimeout(standing);
  finish = null;
  if (loading) { loading.abort(); }
}

function stand() {
  clearTimeout(standing);
  if (finish) { standing = setTimeout(finish, STANDING_MS); }
}

function load(within, finished) {
  stopLoading();
  const place = within.querySelector("[data-load]");
  if (!place || (!finished && "loadAsked" in place.dataset)) { return; }
  place.setAttribute("aria-busy", "true");
  const working = place.querySelector("[data-working]");
  if (working) { say(working.textContent); }
  const address = place.querySelector("a").href, name = place.dataset.load;
  if (!finished) {
    finish = () => {
      clearTimeout(standing);
      finish = null;
      // Of its own: it is a question also for who has left this page.
      part(address, name, new AbortController().signal, false, { keepalive: true }).catch(() => {});
    };
    stand();
  }
  later = setTimeout(async () => {
    loading = new AbortController();
    try {
      showAbove(place, await part(address, name, loading.signal, true, { typing: !finished }));
    } catch (error) {
      if (error.name === "AbortError") { return; }
      // What was asked for by name does not vanish: its page says what is wrong.
      if (working) { place.removeAttribute("aria-busy"); } else { place.remove(); }
    }
  }, finished ? 0 : LATER_MS);
}
load(document, true);

// Forms that ask again while somebody types: `data-live` names the part that changes.
for (const form of document.querySelectorAll("form[data-live]")) {
  const place = document.getElementById(form.dataset.live);
  let timer = 0, going = null, last = null, shown = location.search, finished = true;

  const address = () => {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(form)) { if (value) { fields.append(name, value); } }
    const text = fields.toString();
    return form.getAttribute("action") + (text ? "?" + text : "");
  };
  // The way back to the question alone is there where anything else is set.
  const clearable = () => {
    const given = new FormData(form);
    for (const link of form.querySelectorAll("[data-clear]")) {
      link.hidden = ![...given].some(([name, value]) => value && name !== "q" && name !== "base");
      const to = new URL(link.href);
      to.searchParams.set("q", given.get("q"));
      link.href = to.pathname + to.search;
    }
  };
  const ask = async (keep) => {
    const at = address();
    if (at === last) { stand(); return; }
    last = at;
    if (going) { going.abort(); }
    stopLoading();
    going = new AbortController();
    place.setAttribute("aria-busy", "true");
    try {
      show(place, await part(at, form.dataset.live, going.signal));
      clearable();
      // One goes back to questions that were finished, not to each letter of them.
      if (location.pathname + location.search !== at) { history[finished ? "pushState" : "replaceState"](null, "", at); }
      finished = keep;
      shown = location.search;
      for (const next of document.querySelectorAll("input[name=next]")) { next.value = at; }
      place.removeAttribute("aria-busy");
      load(place, keep);
    } catch (error) {
      if (error.name !== "AbortError") { form.submit(); }
    }
  };
  const changed = (event) => {
    if (event.isComposing || "submit" in event.target.dataset) { return; } // an input method is not done
    clearTimeout(timer);
    clearTimeout(standing);
    timer = setTimeout(() => ask(false), PAUSE_MS);
  };
  for (const what of ["input", "change", "compositionend"]) { form.addEventListener(what, changed); }
  place.addEventListener("click", (event) => { if (event.target.closest(".hit, .answer")) { finish?.(); } });
  form.addEventListener("compositionstart", () => { // letters of a word that is to come are no question
    clearTimeout(timer);
    clearTimeout(standing);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    last = null;
    ask(true);
  });
  addEventListener("popstate", () => { if (location.search !== shown) { location.reload(); } });
}

// Documents that were ticked stay chosen while others are looked for: those out of sight go along, and are counted.
for (const place of document.querySelectorAll("[data-ticks]")) {
  const chosen = new Set();
  const boxes = () => [...place.querySelectorAll("input[type=checkbox][name=id]")];
  const count = () => {
    for (const told of place.querySelectorAll("[data-count]")) { told.textContent = chosen.size ? ` (${chosen.size})` : ""; }
  };
  const note = () => {
    for (const box of boxes()) { chosen[box.checked ? "add" : "delete"](box.value); }
    count();
  };
  place.addEventListener("change", note);
  addEventListener("pageshow", note);
  new MutationObserver(() => {
    for (const box of boxes()) { box.checked = chosen.has(box.value); }
    count();
  }).observe(place, { childList: true });
  place.addEventListener("formdata", ({ formData }) => {
    const inSight = new Set(boxes().map((box) => box.value));
    for (const id of chosen) { if (!inSight.has(id)) { formData.append("id", id); } }
  });
}

// What shows documents is loaded anew where the browser has kept it: they may be gone, or not be this reader's any more.
addEventListener("pageshow", (event) => {
  if (!event.persisted || !document.querySelector("[data-fresh]")) { return; }
  document.getElementById("main").style.visibility = "hidden";
  location.reload();
});

// Choices that change what else can be chosen: `data-submit` sends the form.
for (const choice of document.querySelectorAll("[data-submit]")) {
  choice.addEventListener("change", () => choice.form.submit());
  // Who comes back to a page that the browser has kept finds what it is of, not what was chosen to leave it.
  addEventListener("pageshow", (event) => {
    if (event.persisted) { choice.selectedIndex = [...choice.options].findIndex((one) => one.defaultSelected); }
  });
}

// Where the system is dark and nothing was chosen, the other theme is the light one.
if (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) {
  for (const choice of document.querySelectorAll("[data-theme-switch]")) {
    choice.value = "light";
    choice.textContent = choice.dataset.themeSwitch;
  }
}

// What was cited comes into sight.
if (document.querySelector("[data-cited]") && !location.hash) {
  const cited = document.getElementById("cited");
  if (cited) { cited.scrollIntoView({ block: "center" }); }
}

// / goes to the question, j and k from result to result, Enter opens one.
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  const field = document.getElementById("q");
  if (event.ctrlKey || event.metaKey || event.altKey) { return; }
  if (event.key === "Escape" && event.target === field) {
    event.preventDefault(); // its words stay
    field.blur();
    return;
  }
  if (typing) { return; }
  if (event.key === "/" && field) { event.preventDefault(); field.focus(); field.select(); return; }
  if (event.key !== "j" && event.key !== "k") { return; }
  const hits = [...document.querySelectorAll(".hit")];
  if (!hits.length) { return; }
  const at = hits.findIndex((hit) => hit.contains(document.activeElement));
  const next = hits[Math.max(0, Math.min(hits.length - 1, at + (event.key === "j" ? 1 : -1)))];
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
});

const REACHABLE = "a, button, [tabindex]";

// Parts that go on by themselves: asked for again every `data-refresh` seconds, as long as something in them is
// `data-going`.
for (const place of document.querySelectorAll("[data-refresh]")) {
  const again = async () => {
    let pause = place.dataset.refresh * 1000;
    if (!place.querySelector("[data-going]")) { return; }
    if (!document.hidden) {
      try {
        const html = await part(location.href, place.dataset.part, undefined, true);
        const at = [...place.querySelectorAll(REACHABLE)].indexOf(document.activeElement);
        show(place, html);
        if (at >= 0) { place.querySelectorAll(REACHABLE)[at]?.focus({ preventScroll: true }); }
      } catch (error) {
        // The service is away for a moment, or is asked too much: what is there stays, and is asked for later.
        pause *= 5;
      }
    }
    setTimeout(again, pause);
  };
  setTimeout(again, place.dataset.refresh * 1000);
}

// Fields for several words, `data-several`: what is pasted from several lines stays several; a browser would join them.
for (const field of document.querySelectorAll("input[data-several]")) {
  field.addEventListener("paste", (event) => {
    const lines = event.clipboardData.getData("text").split(/[\r\n]+/).map((line) => line.trim()).filter(Boolean);
    if (lines.length < 2) { return; }
    event.preventDefault();
    field.setRangeText(lines.join(", "), field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

// Forms of which no more than `data-most-bytes` may be sent: what is too much is said before it is sent, in the line
// `data-too-large`. What a browser puts around the fields counts, too.
const AROUND_BYTES = 10000;
for (const form of document.querySelectorAll("form[data-most-bytes]")) {
  const line = form.querySelector("[data-too-large]");
  const check = () => {
    let bytes = AROUND_BYTES;
    for (const value of new FormData(form).values()) {
      bytes += typeof value === "string" ? new Blob([value.replace(/\n/g, "\r\n")]).size : value.size;
    }
    line.hidden = bytes <= form.dataset.mostBytes;
    return line.hidden;
  };
  if (!line) { continue; }
  form.addEventListener("change", check);
  form.addEventListener("submit", (event) => { if (!check()) { event.preventDefault(); } });
}

// A way back that keeps what was typed: a step in the browser's history, where that is the page before.
for (const link of document.querySelectorAll("a[data-back]")) {
  link.addEventListener("click", (event) => {
    if (link.href !== document.referrer || history.length < 2) { return; }
    event.preventDefault();
    history.back();
  });
}

// Forms with files, `data-drop`: files may be dropped on them, are named before they are sent, and it is seen how much
// of them has been.
const DATES = 1000;
for (const form of document.querySelectorAll("form[data-drop]")) {
  const field = form.querySelector("input[type=file]");
  const place = field.parentElement;
  const names = form.querySelector("[data-chosen]");
  const sending = form.querySelector("[data-sending]");
  const wrong = form.querySelector("[data-wrong]");
  form.querySelector("[data-drop-hint]").hidden = false;

  const leftOut = form.querySelector("[data-left-out]");
  const kinds = new Set(field.dataset.kinds.split(" "));
  const isRead = (file) => {
    const name = file.name.normalize("NFKC").toLowerCase().replace(/[ .]+$/, "");
    return kinds.has(name.slice(Math.max(0, name.lastIndexOf("."))));
  };
  const choose = (files) => {
    const all = new DataTransfer();
    for (const file of files) { all.items.add(file); }
    field.files = all.files;
    names.replaceChildren(...files.map((file, at) => {
      const line = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain";
      button.textContent = names.dataset.takeOut;
      button.setAttribute("aria-label", `${names.dataset.takeOut} ${file.name}`);
      button.addEventListener("click", () => {
        choose(files.filter((one) => one !== file));
        const buttons = names.querySelectorAll("button");
        (buttons[Math.min(at, buttons.length - 1)] || field).focus();
      });
      line.append(`${file.name} (${Math.ceil(file.size / 1000).toLocaleString()} kB) `, button);
      return line;
    }));
  };
  field.addEventListener("change", () => {
    // One file that cannot be read would have all refused.
    const unread = [...field.files].filter((file) => !isRead(file));
    leftOut.hidden = !unread.length;
    leftOut.querySelector("span").textContent = unread.map((file) => file.name).join(" · ");
    choose([...field.files].filter(isRead));
  });
  // Anywhere on the page: a browser would open what is dropped beside the form, and leave.
  const brings = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!brings(event)) { return; }
    event.preventDefault();
    place.classList.add("over");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) { place.classList.remove("over"); } });
  addEventListener("drop", (event) => {
    if (!brings(event)) { return; }
    event.preventDefault();
    place.classList.remove("over");
    const all = new DataTransfer();
    const known = new Set();
    for (const file of [...field.files, ...event.dataTransfer.files]) {
      // What is dropped twice is sent once.
      const same = JSON.stringify([file.name, file.size, file.lastModified]);
      if (!known.has(same)) { all.items.add(file); }
      known.add(same);
    }
    field.files = all.files;
    field.dispatchEvent(new Event("change"));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button.main");
    const request = new XMLHttpRequest();
    const failed = (text) => {
      button.disabled = false;
      sending.hidden = true;
      wrong.hidden = false;
      wrong.textContent = text;
    };
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (now) => {
      if (now.lengthComputable) { sending.querySelector("progress").value = now.loaded / now.total; }
    });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const said = page.querySelector("main [role=alert]");
      failed(said ? said.textContent.trim() : String(request.status));
    });
    request.addEventListener("error", () => failed(form.dataset.drop));
    button.disabled = true;
    wrong.hidden = true;
    sending.hidden = false;
    const given = new FormData(form);
    // Their own dates, as many in a field as it may hold.
    const dates = [...field.files].map((file) => new Date(file.lastModified).toISOString());
    while (dates.length) { given.append("modified", dates.splice(0, DATES).join(",")); }
    request.send(given);
  });
}
