// Runs before the page: what the chat's page needs to know. No request leaves this host.
"use strict";
globalThis.global = globalThis;
// One connection, whose origin is checked when it is made.
window.transports = ["websocket"];
// Chainlit draws its page anew for every message that comes, ten to thirty milliseconds each, and a browser takes what
// comes before it shows what was drawn: the first words waited for those behind them. So what comes before something is
// on screen is told together once it is, in its order.
const untold = [];
let drawing = false;
const tell = () => {
  if (!untold.length) return;
  drawing = true;
  let over = false;
  const shown = () => {
    if (over) return;
    over = true;
    drawing = false;
    tell();
  };
  const behind = new MessageChannel();
  behind.port1.onmessage = shown;
  requestAnimationFrame(() => behind.port2.postMessage(0));
  // Where nothing is painted although the page can be seen.
  setTimeout(shown, 250);
  for (const act of untold.splice(0)) {
    try { act(); } catch (error) { reportError(error); }
  }
};
// A page that cannot be seen is not painted, and has to answer the service all the same.
const tell_or_wait = () => { if (!drawing || document.hidden) tell(); };
document.addEventListener("visibilitychange", tell_or_wait);
window.WebSocket = class extends WebSocket {
  get onmessage() { return super.onmessage; }
  set onmessage(act) {
    super.onmessage = act && ((event) => {
      untold.push(() => act.call(this, event));
      tell_or_wait();
    });
  }
  // Nothing comes after it.
  get onclose() { return super.onclose; }
  set onclose(act) { super.onclose = act && ((event) => { tell(); act.call(this, event); }); }
};
const chosen = Object.fromEntries(document.cookie.split("; ").map((pair) => pair.split("=")));
const languages = { zh: "zh-CN", en: "en-US" };
const spoken = languages[chosen.qianxun_language] || (navigator.language.startsWith("zh") ? "zh-CN" : "en-US");
Object.defineProperty(navigator, "language", { get: () => spoken });
document.documentElement.lang = spoken;
// What is chosen for all pages, else what was chosen here, else what the system has.
if (["light", "dark"].includes(chosen.qianxun_theme)) localStorage.setItem("vite-ui-theme", chosen.qianxun_theme);
else if (!localStorage.getItem("vite-ui-theme")) localStorage.setItem("vite-ui-theme", "system");
window.theme = {
  light: { "--primary": "171 82% 24%", "--primary-foreground": "0 0% 100%", "--ring": "171 82% 24%" },
  dark: { "--primary": "170 54% 40%", "--primary-foreground": "170 50% 5%", "--ring": "170 54% 40%" },
};
// Chainlit warns whenever it draws, with a stack, that "any file" is no type of files.
const warn = console.warn;
console.warn = (...said) => { if (!String(said[0]).startsWith('Skipped "*/*"')) warn(...said); };

// What the page does not say to who cannot see it, or cannot use a mouse.
const names = {
  "zh-CN": {
    "#sidebar-trigger-button": "显示或隐藏历史对话", "#search-chats-button": "搜索历史对话", "#new-chat-button": "新建对话",
    "#chat-settings-open-modal": "设置", "#upload-button": "上传文件", "#chat-submit": "发送", "#stop-button": "停止",
    "#theme-toggle": "切换明暗主题", "#user-nav-button": "账户", "#thread-options": "对话的更多操作", "[data-resize-handle]": "调整宽度",
    "[role=dialog] > button:last-child": "关闭", "#side-view-title > button": "关闭", "button:has(> svg.lucide-copy)": "复制",
    "[class*=positive-feedback]": "有帮助", "[class*=negative-feedback]": "没有帮助",
  },
  "en-US": {
    "#sidebar-trigger-button": "Show or hide past chats", "#search-chats-button": "Search past chats", "#new-chat-button": "New chat",
    "#chat-settings-open-modal": "Settings", "#upload-button": "Send files", "#chat-submit": "Send", "#stop-button": "Stop",
    "#theme-toggle": "Light or dark", "#user-nav-button": "Account", "#thread-options": "More for this chat", "[data-resize-handle]": "Change the width",
    "[role=dialog] > button:last-child": "Close", "#side-view-title > button": "Close", "button:has(> svg.lucide-copy)": "Copy",
    "[class*=positive-feedback]": "Helpful", "[class*=negative-feedback]": "Not helpful",
  },
}[spoken];
const every = (selector, act) => document.querySelectorAll(selector).forEach(act);
const put = (element, given) => Object.entries(given).forEach(([name, value]) => {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
});
const told = () => {
  for (const [selector, name] of Object.entries(names)) every(selector, (element) => put(element, { "aria-label": name }));
  every("#chat-settings label[for]", (label) => {
    const of = label.getAttribute("for");
    put(label, { id: `label-of-${of}` });
    every(`button#${of}, #${of} [role=slider]`, (field) => put(field, { "aria-labelledby": label.id }));
  });
  // A dialogue that is named by what is not there is named by its heading.
  every("[role=dialog][aria-labelledby]", (dialogue) => {
    const heading = dialogue.querySelector("h2[id]");
    if (heading && !document.getElementById(dialogue.getAttribute("aria-labelledby"))) put(dialogue, { "aria-labelledby": heading.id });
  });
  every("[data-resize-handle]", (handle) => handle.removeAttribute("aria-controls"));
  // Buttons that hold a link, or another button: what they hold is what one goes to by keyboard.
  every("#header button:has(> a), button[data-sidebar=menu-button]:has(#thread-options)", (around) =>
    put(around, { role: "group", tabindex: "-1", "aria-label": around.textContent }));
  every("#thread-options, #upload-button", (button) => put(button, { role: "button", tabindex: "0" }));
  every("ul[data-sidebar=menu]:has(> div)", (list) => put(list, { role: "none" }));
  every("img[alt^='Avatar']", (picture) => put(picture, { alt: "" }));
};
// What is written into the dialogue that names a conversation is confirmed by Enter too, its last button.
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (event.key !== "Enter" || event.isComposing || !(field instanceof HTMLInputElement) || field.id !== "name") return;
  const buttons = field.closest("[role=dialog]")?.querySelectorAll("button:not(:has(svg))");
  if (buttons?.length) { event.preventDefault(); buttons[buttons.length - 1].click(); }
});
let waiting = 0;
const watch = () => new MutationObserver(() => {
  waiting ||= setTimeout(() => { waiting = 0; told(); }, 100);
}).observe(document.body, { childList: true, subtree: true });
document.addEventListener("DOMContentLoaded", watch);
