// The page beside a chat in WeCom: asks WeCom whose chat it is, and puts texts into it. WeCom's own library (ww) is there only inside it.
(() => {
  "use strict";
  const side = document.getElementById("side");
  const told = side.dataset;
  const ww = window.ww;

  async function signed(kind, url) {
    const asked = new URLSearchParams({ kind, url });
    const answer = await fetch(`${told.sign}?${asked}`, { credentials: "same-origin" });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error);
    return said;
  }

  function say(text, tone) {
    const banner = document.createElement("p");
    banner.className = `banner ${tone}`;
    banner.setAttribute("role", "alert");
    const words = document.createElement("span");
    words.textContent = text;
    banner.append(words);
    side.querySelector(".skeleton")?.remove();
    side.prepend(banner);
  }

  const wrong = (error) => error?.message || error?.errMsg || String(error);
  const show = (query) => htmx.ajax("GET", `${told.who}?${new URLSearchParams(query)}`, { target: "#side", swap: "innerHTML" });

  async function begin() {
    ww.register({
      corpId: told.corp,
      agentId: told.agent,
      jsApiList: ["getContext", "getCurExternalContact", "getCurExternalChat", "sendChatMessage"],
      getConfigSignature: (url) => signed("config", url),
      getAgentConfigSignature: (url) => signed("agent", url),
      onConfigFail: (error) => say(`${told.refused} ${wrong(error)}`, "bad"),
      onAgentConfigFail: (error) => say(`${told.refused} ${wrong(error)}`, "bad"),
    });
    try {
      const context = await ww.getContext();
      if (context.entry === "group_chat_tools") {
        show({ chat: (await ww.getCurExternalChat()).chatId });
      } else {
        show({ external: (await ww.getCurExternalContact()).userId });
      }
    } catch (error) {
      await show({});
      say(`${told.refused} ${wrong(error)}`, "bad");
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-send]");
    if (!button) return;
    const text = document.getElementById(button.dataset.send).textContent;
    button.disabled = true;
    try {
      if (ww) {
        await ww.sendChatMessage({ msgtype: "text", text: { content: text } });
        const values = { template: button.dataset.template, contact: button.dataset.contact };
        await htmx.ajax("POST", told.sent, { target: "#side", swap: "innerHTML", values });
      } else {
        await navigator.clipboard.writeText(text);
        say(told.copied, "info");
      }
    } catch (error) {
      say(`${told.unsent} ${wrong(error)}`, "bad");
    } finally {
      button.disabled = false;
    }
  });

  if (ww) begin();
})();
