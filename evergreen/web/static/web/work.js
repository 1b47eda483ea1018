// Menus that serve every row: a button with data-ids says which rows the menu's forms are about ("*": the chosen ones).
(() => {
  "use strict";
  const open = (target) => target.closest?.("[popovertarget][data-ids]");
  document.addEventListener("click", (event) => {
    const button = open(event.target);
    const menu = button && document.getElementById(button.getAttribute("popovertarget"));
    if (!menu) return;
    menu.dataset.ids = button.dataset.ids;
    const has = new Set((button.dataset.has ?? "").split(" "));
    for (const part of menu.querySelectorAll("[data-needs]")) part.hidden = !has.has(part.dataset.needs);
  }, true);
  document.addEventListener("htmx:configRequest", (event) => {
    const menu = event.target.closest?.("[data-chosen]");
    if (!menu) return;
    const rows = [...document.querySelectorAll("input[data-select]:checked")].map((box) => box.value);
    event.detail.parameters["ids"] = menu.dataset.ids === "*" ? rows : [menu.dataset.ids];
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const menu = event.target.closest?.("[data-chosen]");
    if (menu && event.detail.successful) { menu.hidePopover(); menu.querySelectorAll("form").forEach((form) => form.reset()); }
  });
  // Bringing in a file: its name as soon as it is chosen, and how much of it has gone over.
  document.addEventListener("change", (event) => {
    const words = event.target.matches?.(".drop input[type=file]") && event.target.closest(".drop").querySelector("[data-file-name]");
    if (words && event.target.files[0]) words.textContent = `${event.target.files[0].name} · ${(event.target.files[0].size / 1048576).toFixed(1)} MB`;
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => event.target.closest?.(".drop")?.classList.toggle("over", kind === "dragover"));
  }
  document.addEventListener("htmx:xhr:progress", (event) => {
    const meter = event.target.closest?.("[data-upload]")?.querySelector("[data-upload-meter]");
    if (!meter || !event.detail.lengthComputable) return;
    const share = event.detail.loaded / event.detail.total;
    meter.hidden = false;
    meter.querySelector("progress").value = share;
    meter.querySelector("[data-upload-share]").textContent = `${Math.round(share * 100)}%`;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) navigator.clipboard?.writeText(button.dataset.copy).then(() => { button.textContent = "✓"; });
  });
  document.addEventListener("DOMContentLoaded", () => {
    // A dialog whose form was refused opens again with what was typed.
    for (const dialog of document.querySelectorAll("dialog[open]")) { dialog.close(); dialog.showModal(); }
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  });
  // e: the first action of the row in focus; s: later.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const row = document.querySelector("[data-row].focus");
    const button = row && { e: row.querySelector("[data-first]"), s: row.querySelector("[data-later]") }[event.key];
    if (button) { event.preventDefault(); button.click(); }
  });
})();
