// Runs before the page: what the chat's page needs to know. No request leaves this host.
"use strict";
globalThis.global = globalThis;
// One connection, whose origin is checked when it is made.
window.transports = ["websocket"];
const chosen = Object.fromEntries(document.cookie.split("; ").map((pair) => pair.split("=")));
const languages = { zh: "zh-CN", en: "en-US" };
const spoken = languages[chosen.qianxun_language] || (navigator.language.startsWith("zh") ? "zh-CN" : "en-US");
Object.defineProperty(navigator, "language", { get: () => spoken });
document.documentElement.lang = spoken;
if (["light", "dark"].includes(chosen.qianxun_theme)) localStorage.setItem("vite-ui-theme", chosen.qianxun_theme);
window.theme = {
  light: { "--primary": "171 82% 24%", "--primary-foreground": "0 0% 100%", "--ring": "171 82% 24%" },
  dark: { "--primary": "170 54% 40%", "--primary-foreground": "170 50% 5%", "--ring": "170 54% 40%" },
};
// Chainlit warns whenever it draws, with a stack, that "any file" is no type of files.
const warn = console.warn;
console.warn = (...said) => { if (!String(said[0]).startsWith('Skipped "*/*"')) warn(...said); };
