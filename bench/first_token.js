// What `bench.first_token` puts into the chat's page. Times are milliseconds since 1970.
"use strict";

window.bench = (() => {
  const pieces = () => [...document.querySelectorAll(".message-content")];

  // From here on it is noted when a new message begins with `start`, in the document and on screen.
  function begin(start) {
    const before = new Set(pieces());
    const is_there = () => pieces().some((one) => !before.has(one) && one.textContent.trim().startsWith(start));
    window.bench.taken = new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        if (!is_there()) { return; }
        observer.disconnect();
        const there = Date.now();
        requestAnimationFrame(() => {
          const behind = new MessageChannel();
          behind.port1.onmessage = () => resolve([there, Date.now()]);
          behind.port2.postMessage(0);
        });
      });
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    });
  }

  return { begin };
})();
