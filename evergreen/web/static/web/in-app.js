/* Evergreen inside your product: messages and surveys of your customer success team.
   No cookies, no eval, no inline styles. Your content policy needs script-src and connect-src for the host of this file.
     <script src="https://cs.example.com/in-app/KEY/script.js" data-user="u-17" data-signature="…" defer></script>
   or, in a single-page application: Evergreen.identify({user, signature}), Evergreen.page(), Evergreen.forget(). */
(() => {
  "use strict";
  const tag = document.currentScript;
  const base = new URL(".", tag ? tag.src : location.href).href;
  const QUIET = `evergreen ${base}`;
  const CSS = `
:host{all:initial!important}main{position:fixed;z-index:2147483000;--g:#fff;--i:#1b2420;--m:#56625c;--l:#d9dcd4;--t:#fff;
font:15px/1.6 -apple-system,"Segoe UI","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main.dark{--g:#1a201d;--i:#e8ece9;--m:#a9b3ad;--l:#3a443f}
@media(prefers-color-scheme:dark){main.auto{--g:#1a201d;--i:#e8ece9;--m:#a9b3ad;--l:#3a443f}}
*{box-sizing:border-box;font:inherit;color:inherit}
section{position:relative;background:var(--g);color:var(--i);border:1px solid var(--l);border-radius:10px;padding:16px 20px;text-align:left;overflow:auto;overscroll-behavior:contain}
main.card section{position:fixed;bottom:20px;right:20px;width:380px;max-width:calc(100vw - 32px);max-height:calc(100vh - 40px);box-shadow:0 6px 24px #0002}
main.card.left section{right:auto;left:20px}
main.dialog{inset:0;display:grid;grid-template-columns:minmax(0,1fr);place-items:center;background:#0006;padding:16px}
main.dialog section{width:520px;max-width:100%;max-height:100%}
main.banner{inset:0 0 auto}
main.banner section{border-radius:0;border-width:0 0 1px;display:flex;flex-wrap:wrap;gap:4px 16px;align-items:center;padding:10px 48px 10px 20px}
@media(max-width:480px){main.card section,main.card.left section{left:8px;right:8px;bottom:8px;width:auto;max-width:none}}
h2{font-size:16px;font-weight:600;line-height:1.4;margin:0 28px 8px 0;overflow-wrap:anywhere}main.banner h2{margin:0;font-size:15px}
p,ul{margin:0 0 8px;overflow-wrap:anywhere}main.banner .t{flex:1 1 300px}main.banner p{margin:0}ul{padding-left:20px}b{font-weight:600}i{font-style:italic}a{text-decoration:underline;cursor:pointer}
.x{position:absolute;top:8px;right:8px;width:32px;height:32px;border:0;border-radius:6px;background:none;color:var(--m);cursor:pointer;font-size:20px;line-height:1}
.go{display:inline-block;border:0;border-radius:6px;background:var(--a);color:var(--t);padding:7px 16px;text-decoration:none;cursor:pointer;font-weight:600}.go:disabled{opacity:.6}
.acts{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;justify-content:space-between;margin-top:8px}main.banner .acts{margin:0}
.no{border:0;background:none;padding:4px 0;color:var(--m);font-size:13px;text-decoration:underline;cursor:pointer}
fieldset{border:0;margin:0 0 8px;padding:0;min-width:0}legend{padding:0;margin-bottom:4px}
.scale{display:flex;gap:4px}.scale label{flex:1;min-width:0;cursor:pointer}.scale input,.o input{accent-color:var(--a)}
.scale input{position:absolute;opacity:0}.scale span{display:block;text-align:center;border:1px solid var(--l);border-radius:6px;padding:6px 0;font-variant-numeric:tabular-nums}
.scale input:checked+span{background:var(--a);border-color:var(--a);color:var(--t)}
.ends{display:flex;justify-content:space-between;gap:16px;color:var(--m);font-size:13px;margin:4px 0 8px}
.o{display:flex;gap:8px;align-items:baseline;padding:3px 0;cursor:pointer}
textarea{width:100%;border:1px solid var(--l);border-radius:6px;background:none;padding:6px 8px;resize:vertical;margin-bottom:8px}
.bad{color:#b23325}main.dark .bad{color:#ee8b80}
:focus-visible,.scale input:focus-visible+span{outline:2px solid var(--a);outline-offset:2px}`;

  let who = null, box = null, shown = null, asking = false;

  /* An element with its properties and what stands in it; texts are texts, never markup. */
  const el = (name, props, ...inside) => {
    const made = Object.assign(document.createElement(name), props);
    made.append(...inside.filter((one) => one || one === 0));
    return made;
  };
  const keep = (value) => { try { value ? sessionStorage.setItem(QUIET, value) : sessionStorage.removeItem(QUIET); } catch {} };
  const kept = () => { try { return sessionStorage.getItem(QUIET) || ""; } catch { return ""; } };
  /* A plain text needs no question of the browser beforehand, and outlives the page where it has to. */
  const post = (where, told) => fetch(base + where, {
    method: "POST", mode: "cors", credentials: "omit", keepalive: true,
    headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ ...who, ...told }),
  });
  const tell = (message, kind) => { if (who && message.id) post("receipts/", { message: message.id, kind }).catch(() => {}); };
  const fits = (pages) => !pages || !pages.length || pages.some((one) => new RegExp(
    `^${one.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(location.pathname));
  const elsewhere = (to) => new URL(to, location.href).origin !== location.origin;
  const safe = (to) => /^(https?:\/\/|mailto:|\/(?![/\\]))/i.test(to);

  const ask = async () => {
    const me = JSON.stringify(who), [until, whose] = kept().split(" ", 2);
    if (!who || shown || asking || (whose === encodeURI(me) && Date.now() < +until)) return;
    asking = true;
    try {
      const answer = await post("messages/", {}), told = await answer.json();
      if (!answer.ok) throw new Error(told.error);
      if (me !== JSON.stringify(who)) return;
      box = told;
      keep(told.messages.length ? "" : `${Date.now() + told.again * 1000} ${encodeURI(me)}`);
      next();
    } catch (error) {
      console.warn(`Evergreen: ${error.message}`);
    } finally { asking = false; }
  };
  const next = () => {
    const message = !shown && box && box.messages.find((one) => fits(one.pages));
    if (message) show(message, box);
  };

  const runs = (listed, click) => listed.map((one) => {
    if (one.br) return el("br");
    let made = document.createTextNode(one.t);
    if (one.b) made = el("b", {}, made);
    if (one.i) made = el("i", {}, made);
    return one.a && safe(one.a) ? link(one.a, { onclick: click }, made) : made;
  });
  const link = (to, props, ...inside) => el("a", { href: to, ...(elsewhere(to) ? { target: "_blank", rel: "noopener noreferrer" } : {}), ...props }, ...inside);
  const text = (parts, click) => parts.reduce((made, part) => {
    const last = made.at(-1), point = part.li && el("li", {}, ...runs(part.li, click));
    if (point && last?.tagName === "UL") last.append(point);
    else made.push(point ? el("ul", {}, point) : el("p", {}, ...runs(part.p, click)));
    return made;
  }, []);

  /* Draw one message or survey. Without an id nothing is told of it: that is how a preview is shown. */
  const show = (message, { look, words }) => {
    leave();
    const host = el("evergreen-note", {}), all = el("main", { className: `${message.look} ${look.side} ${look.theme}` });
    const root = host.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    all.style.setProperty("--a", look.colour);
    all.style.setProperty("--t", pale(look.colour) ? "#1b2420" : "#fff");
    const close = (kind) => {
      if (kind) tell(message, kind);
      if (box) box.messages = box.messages.filter((one) => one !== message);
      leave();
    };
    const click = () => close("clicked");
    const { survey, button } = message, heading = survey ? survey.question : message.title;
    const said = el("div", {});
    said.setAttribute("role", "status");
    const refuse = message.may_refuse && el("button", { className: "no", type: "button", onclick: () => {
      tell(message, "unsubscribed");
      end(words.refused);
    } }, words.refuse);
    const end = (thanks) => {
      section.replaceChildren(x, el("h2", {}, thanks));
      if (box) box.messages = box.messages.filter((one) => one !== message);
      setTimeout(() => { if (shown === host) leave(); }, 6000);
    };
    const x = el("button", { className: "x", type: "button", title: words.close, onclick: () => close("dismissed") }, "×");
    x.setAttribute("aria-label", words.close);
    const section = el("section", {},
      heading && el("h2", {}, heading),
      ...(survey ? [form(message, words, refuse, said, end)] : [
        el("div", { className: "t" }, ...text(message.text, click)),
        (button || refuse) && el("div", { className: "acts" },
          button && safe(button.to) && link(button.to, { className: "go", onclick: click }, button.text), refuse)]),
      said, x);
    section.setAttribute("role", message.look === "dialog" ? "dialog" : "complementary");
    all.setAttribute("role", "presentation");
    section.setAttribute("aria-label", heading || words.close);
    host.onkeydown = (event) => { if (event.key === "Escape") x.click(); };
    all.append(section);
    root.append(all);
    document.body.append(host);
    shown = host;
    if (message.look === "dialog") x.focus();
    /* Shown is what stood a second before somebody's eyes. */
    const seen = () => setTimeout(() => {
      if (shown !== host) return;
      if (document.visibilityState === "visible") tell(message, "opened");
      else document.addEventListener("visibilitychange", seen, { once: true });
    }, 1000);
    seen();
  };

  const form = (message, words, refuse, said, end) => {
    const { survey } = message;
    const rest = el("div", { hidden: survey.marks.length > 0 },
      ...survey.asked.map((one) => (one.kind === "text"
        ? el("label", {}, one.label, el("textarea", { name: one.name, rows: 2, maxLength: 5000 }))
        : el("fieldset", {}, el("legend", {}, one.label + (one.required ? " *" : "")), ...one.options.map(([value, label]) => el("label", { className: "o" },
          el("input", { type: one.many ? "checkbox" : "radio", name: one.name, value }), el("span", {}, label)))))),
      survey.why && el("label", {}, survey.why, el("textarea", { name: "comment", rows: 2, maxLength: 5000 })));
    const send = el("button", { className: "go", type: "submit" }, words.send);
    return el("form", { onchange: () => { rest.hidden = false; }, onsubmit: async (event) => {
      event.preventDefault();
      const fields = {};
      for (const [name, value] of new FormData(event.target)) (fields[name] ||= []).push(value);
      send.disabled = true;
      let ok = !message.id, told = {};
      try {
        if (!ok) { const answer = await post("answers/", { message: message.id, fields }); told = await answer.json(); ok = answer.ok; }
      } catch {}
      send.disabled = false;
      if (ok) return end(survey.thanks);
      said.replaceChildren(el("p", { className: "bad" }, told.wrong ? words.missing : told.error || words.failed));
    } },
    survey.marks.length > 0 && el("fieldset", {}, el("div", { className: "scale" }, ...survey.marks.map((mark) => el("label", {},
      el("input", { type: "radio", name: "score", value: mark }), el("span", {}, mark)))), el("div", { className: "ends" }, el("span", {}, survey.low), el("span", {}, survey.high))),
    rest, el("div", { className: "acts" }, send, refuse));
  };

  /* Whether dark text reads better on a colour (relative luminance of WCAG 2). */
  const pale = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0) > 0.3;
  const leave = () => { if (shown) shown.remove(); shown = null; };

  window.Evergreen = {
    identify: ({ user, account = "", signature }) => { if (who && who.user !== user) leave(); who = { user: `${user}`, account: `${account}`, signature }; box = null; return ask(); },
    page: () => { if (box && box.messages.length) next(); else return ask(); },
    forget: () => { who = box = null; keep(""); leave(); },
    show,
  };
  const { user, account, signature } = tag ? tag.dataset : {};
  const begin = () => { if (user && signature) window.Evergreen.identify({ user, account, signature }); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
})();
