// Shortcuts, selection, dialogs, toasts and charts. No library but htmx; ECharts is fetched when a chart is on the page.
(() => {
  "use strict";
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const typing = (element) => element.closest("input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]");

  // ---- dialogs and pop-overs: data-dialog="id" opens, data-close closes -------------------------------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog) { event.preventDefault(); dialog.showModal(); $("[autofocus]", dialog)?.focus(); }
      return;
    }
    if (event.target.closest("[data-close]") || event.target.matches("dialog")) event.target.closest("dialog")?.close();
  });
  let pressed = null;
  document.addEventListener("click", (event) => { pressed = event.target.closest("[popovertarget]") ?? pressed; }, true);
  document.addEventListener("toggle", (event) => {
    // A pop-over opens beside the button that owns it.
    if (event.newState !== "open" || !event.target.matches(".popover")) return;
    const owner = pressed?.getAttribute("popovertarget") === event.target.id ? pressed : $(`[popovertarget="${event.target.id}"]`);
    if (!owner) return;
    const box = owner.getBoundingClientRect(), own = event.target.getBoundingClientRect();
    event.target.style.setProperty("inset", "auto");
    event.target.style.setProperty("left", `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`);
    event.target.style.setProperty("top", `${Math.max(8, Math.min(box.bottom + 6, innerHeight - own.height - 8))}px`);
  }, true);

  // The sheet shows that it is being filled, not what it held before.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const target = event.detail.target;
    if (target?.id !== "sheet-body" || event.detail.requestConfig.verb !== "get") return;
    const waiting = document.createElement("div");
    waiting.className = "skeleton chart";
    target.replaceChildren(waiting);
  });

  // ---- forms that send themselves: data-submit on a field -----------------------------------------------------------
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form?.requestSubmit();
  });

  // ---- toasts -------------------------------------------------------------------------------------------------------
  const toasts = () => document.getElementById("toasts");
  const leave = (toast) => setTimeout(() => toast.matches(":hover, :focus-within") ? leave(toast) : toast.remove(), 8000);
  function say({ text, tone = "", undo = "" }) {
    const box = toasts();
    if (!box) return;
    const toast = document.createElement("div");
    toast.className = `toast ${tone === "error" ? "bad" : tone}`;
    toast.append(text);
    if (undo.startsWith("/")) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.undoUrl = undo;
      button.textContent = box.dataset.undo;
      toast.append(button);
    }
    box.append(toast);
    leave(toast);
  }
  document.addEventListener("toast", (event) => (event.detail.value ?? event.detail).forEach?.(say));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-undo-url]");
    if (!button) return;
    button.disabled = true;
    const headers = $("[data-rows]") ? {} : { "X-Whole-Page": "1" };
    htmx.ajax("POST", button.dataset.undoUrl, { swap: "none", headers }).then(() => button.closest(".toast").remove());
  });
  document.addEventListener("rows-changed", () => {
    const rows = $("[data-rows]");
    if (rows) htmx.trigger(rows, "rows-again"); else location.reload();
  });
  for (const kind of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(kind, (event) => {
      const box = toasts();
      const answer = event.detail.xhr?.getResponseHeader?.("HX-Trigger");
      if (box && !answer?.includes("toast")) say({ text: kind === "htmx:responseError" ? box.dataset.failed : box.dataset.offline, tone: "error" });
    });
  }

  // ---- selection of rows ----------------------------------------------------------------------------------------------
  function counted() {
    const bulk = $("[data-bulk]");
    if (!bulk) return;
    const boxes = $$("input[data-select]"), chosen = boxes.filter((box) => box.checked);
    for (const box of boxes) box.closest("[data-row]")?.setAttribute("aria-selected", box.checked);
    const every = $("input[data-select-all]");
    if (every) { every.checked = chosen.length > 0 && chosen.length === boxes.length; every.indeterminate = chosen.length > 0 && !every.checked; }
    bulk.hidden = chosen.length === 0;
    $$("[data-count]", bulk).forEach((mark) => { mark.textContent = chosen.length; });
    const whole = $("[data-whole]", bulk);
    if (whole) { whole.hidden = !(every?.checked); if (whole.hidden) $("input", whole).checked = false; }
  }
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest("input[data-select]");
    if (box && event.shiftKey && last) {
      const boxes = $$("input[data-select]");
      const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((other) => { other.checked = box.checked; });
    }
    if (box) last = box;
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[data-select-all]")) $$("input[data-select]").forEach((box) => { box.checked = event.target.checked; });
    if (event.target.matches("input[data-select], input[data-select-all]")) counted();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-clear]")) return;
    $$("input[data-select], input[data-select-all]").forEach((box) => { box.checked = false; });
    counted();
  });
  // A form of the bulk bar carries the chosen rows along.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.closest?.("[data-bulk], [data-with-rows]")) {
      event.detail.parameters.delete?.("ids");
      event.detail.parameters["ids"] = $$("input[data-select]:checked").map((box) => box.value);
    }
  });

  // ---- keyboard ---------------------------------------------------------------------------------------------------------
  let going = 0;
  const rows = () => $$("[data-row]").filter((row) => row.offsetParent);
  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.findIndex((row) => row.classList.contains("focus"));
    const to = all[Math.max(0, Math.min(all.length - 1, at + step))];
    all[at]?.classList.remove("focus");
    to.classList.add("focus");
    to.scrollIntoView({ block: "nearest" });
    (to.matches("a") ? to : $("a[href]", to))?.focus({ preventScroll: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const inSearch = event.target.id === "search";
    if (inSearch && ["ArrowDown", "ArrowUp", "Enter", "Escape"].includes(event.key)) return suggest(event);
    if (typing(event.target) || $("dialog[open]")) return;
    if (going && Date.now() - going < 1500) {
      going = 0;
      const link = $(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    const focus = $("[data-row].focus");
    switch (event.key) {
      case "/": event.preventDefault(); document.getElementById("search")?.focus(); break;
      case "?": event.preventDefault(); document.getElementById("shortcuts")?.showModal(); break;
      case "g": going = Date.now(); break;
      case "j": move(1); break;
      case "k": move(-1); break;
      case "x": { const box = focus && $("input[data-select]", focus); if (box) { box.checked = !box.checked; counted(); } break; }
      case "Enter": case "o": if (focus && event.target === document.body) ($("a[href]", focus) ?? focus).click(); break;
      case "Escape": if ($("input[data-select]:checked")) { $$("input[data-select]").forEach((box) => { box.checked = false; }); counted(); } break;
    }
  });
  function suggest(event) {
    const list = document.getElementById("suggestions"), hits = $$("a", list);
    const at = hits.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") { list.replaceChildren(); event.target.blur(); return; }
    if (event.key === "Enter") { if (at >= 0) { event.preventDefault(); hits[at].click(); } return; }
    event.preventDefault();
    hits[at]?.removeAttribute("aria-selected");
    hits[(at + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % hits.length]?.setAttribute("aria-selected", "true");
  }
  document.addEventListener("focusin", (event) => {
    if (!event.target.closest(".search")) document.getElementById("suggestions")?.replaceChildren();
  });

  // ---- charts: the option stands in a JSON script after the figure; "var(--x)" in it becomes the page's colour -----------
  const drawn = new Map();
  let library = null;
  function withColours(value, style) {
    if (typeof value === "string") { const hit = /^var\((--[\w-]+)\)$/.exec(value); return hit ? style.getPropertyValue(hit[1]).trim() : value; }
    if (Array.isArray(value)) return value.map((each) => withColours(each, style));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withColours(each, style)]));
    return value;
  }
  function echartsReady() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = document.body.dataset.echarts;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    return library;
  }
  function draw(figure) {
    const source = figure.nextElementSibling;
    if (!source?.matches('script[type="application/json"]')) return;
    const style = getComputedStyle(document.documentElement);
    const option = withColours(JSON.parse(source.textContent), style);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    drawn.get(figure)?.chart.dispose();
    const chart = echarts.init(figure, null, { renderer: "svg", locale: document.documentElement.lang.startsWith("zh") ? "ZH" : "EN" });
    chart.setOption({
      animation: !still, animationDuration: 300,
      textStyle: { fontFamily: style.getPropertyValue("--f"), color: style.getPropertyValue("--ink-3").trim() },
      ...option,
    });
    const watch = drawn.get(figure)?.watch ?? new ResizeObserver(() => drawn.get(figure)?.chart.resize());
    drawn.set(figure, { chart, watch });
    watch.observe(figure);
  }
  function charts(root = document) {
    for (const [figure, held] of drawn) if (!figure.isConnected) { held.watch.disconnect(); held.chart.dispose(); drawn.delete(figure); }
    const fresh = $$("[data-chart]", root).filter((figure) => !drawn.has(figure));
    if (fresh.length) echartsReady().then(() => fresh.forEach(draw));
  }
  const redraw = () => [...drawn.keys()].forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  // ---- what to do when the page or a part of it is new --------------------------------------------------------------------
  function ready() { charts(); counted(); $$("[data-toast]").forEach(leave); }
  document.addEventListener("htmx:afterSettle", (event) => {
    charts();
    counted();
    // A choice that was asked for opens at once, where the browser lets it.
    try { $("select.inline-edit.open", event.target)?.showPicker(); } catch { /* the focus is enough */ }
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.target.id === "suggestions") document.getElementById("search")?.setAttribute("aria-expanded", String(event.target.childElementCount > 0)); });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready); else ready();
})();
