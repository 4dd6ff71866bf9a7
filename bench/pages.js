// What `bench.pages` puts into the search page. All times are milliseconds of performance.now().
"use strict";

window.bench = (() => {
  const results = document.getElementById("results");
  const address = (entry) => new URL(entry.name);

  // A frame that shows what is in the document now has been painted.
  const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const behind = new MessageChannel();
    behind.port1.onmessage = () => resolve(performance.now());
    behind.port2.postMessage(0);
  }));

  const until = (look) => new Promise((resolve) => {
    const observer = new MutationObserver(() => { if (look()) { observer.disconnect(); resolve(performance.now()); } });
    observer.observe(results, { childList: true, subtree: true, attributes: true });
  });

  // Before typing: from here on it is noted when the last key was pressed, and when `selector` is on screen as an
  // answer to this question and no other.
  function begin(question, selector) {
    performance.clearResourceTimings();
    const taken = { typed: 0, events: 0 };
    const note = () => { taken.typed = performance.now(); taken.events += 1; };
    const kinds = ["keydown", "compositionstart", "compositionend", "input"];
    for (const kind of kinds) { document.addEventListener(kind, note, true); }
    const is_there = () => (new URLSearchParams(location.search).get("q") ?? "") === question
      && results.querySelector(selector) !== null;
    window.bench.taken = (async () => {
      taken.there = await until(is_there);
      for (const kind of kinds) { document.removeEventListener(kind, note, true); }
      taken.shown = await painted();
      await new Promise((resolve) => setTimeout(resolve, 30)); // what is told of a request comes a little later
      const asked = performance.getEntriesByType("resource").filter((entry) => address(entry).pathname === "/");
      const last = asked.filter((entry) => (address(entry).searchParams.get("q") ?? "") === question).at(-1);
      return { ...taken, requests: asked.length, asked: last.startTime, first: last.responseStart,
        came: last.responseEnd, bytes: last.transferSize };
    })();
  }

  // When the answer box has come, or stays away; null where none was asked for.
  async function answered() {
    const place = () => results.querySelector("[data-load]");
    if (!place()) { return null; }
    const is_over = () => !place()?.hasAttribute("aria-busy");
    return is_over() ? performance.now() : until(is_over);
  }

  return { begin, answered };
})();
